"""Go's quoted strings and characters: reading them in a template, writing them for %q and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([abfnrtv\\'\"]))|(\\)", re.DOTALL
)
_SHOWN = {value: "\\" + key for key, value in _SIMPLE.items()}


def unquote(literal: str) -> str | None:
    """The value of a ``"..."`` or a raw `` `...` `` literal, or nothing if it is malformed."""
    inside = literal[1:-1]
    if literal[0] == "`":
        return inside.replace("\r", "")
    return _unescape(inside, '"')


def unquote_character(literal: str) -> int | None:
    """The code point of a ``'c'`` literal, or nothing if it is malformed."""
    inside = literal[1:-1]
    byte = re.fullmatch(r"\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2}))", inside)
    if byte:
        return int(byte[1], 16) if byte[1] else int(byte[2], 8)
    value = _unescape(inside, "'")
    return ord(value) if value is not None and len(value) == 1 else None


def _unescape(text: str, quote: str) -> str | None:
    if "\\" not in text:
        return text
    pieces, at = [], 0
    for found in _ESCAPE.finditer(text):
        piece = _escaped(found, quote)
        if piece is None:
            return None
        pieces += [text[at : found.start()], piece]
        at = found.end()
    pieces.append(text[at:])
    return join_bytes("".join(pieces))


def _escaped(found: re.Match[str], quote: str) -> str | None:
    hexadecimal, short, long, octal, simple, lone = found.groups()
    if lone:
        return None
    if hexadecimal or octal:
        byte = int(hexadecimal, 16) if hexadecimal else int(octal, 8)
        return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)
    if short or long:
        code = int(short or long, 16)
        return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else None
    if simple in "'\"":
        return simple if simple == quote else None
    return _SIMPLE[simple]


# --- strings that are not quite text ----------------------------------------------------------------------------------
# Go's strings are bytes. A byte that belongs to no character is kept as U+DC80..U+DCFF, as Python's surrogateescape
# does, and becomes U+FFFD when the prompt is complete.

_LONE = re.compile("[\ud800-\udfff]")
AT_ONCE = 1 << 16
"""Characters that one call of native code works on: no other thread runs meanwhile."""


def to_bytes(text: str) -> bytes:
    """The bytes Go would hold."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        kept = _LONE.sub(lambda found: found[0] if "\udc80" <= found[0] <= "\udcff" else "\ufffd", text)
        return kept.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """Text again, with the bytes that are none kept aside."""
    return data.decode("utf-8", "surrogateescape")


def in_pieces(text: str) -> Iterator[str]:
    """The text in pieces of AT_ONCE characters."""
    return (text[at : at + AT_ONCE] for at in range(0, len(text), AT_ONCE))


def has_stray_bytes(text: str) -> bool:
    """Whether the string holds bytes that are no characters, or not yet."""
    if text.isascii():
        return False
    return _is_stray(text) if len(text) <= AT_ONCE else any(map(_is_stray, in_pieces(text)))


def _is_stray(text: str) -> bool:
    try:
        text.encode()  # much faster than a search
    except UnicodeEncodeError:
        return True
    return False


def join_bytes(text: str) -> str:
    """The same string with neighbouring bytes joined to the characters they make."""
    return from_bytes(to_bytes(text)) if has_stray_bytes(text) else text


def to_text(text: str) -> str:
    """The string as text: joined, and what still is no character replaced by U+FFFD."""
    return _LONE.sub("\ufffd", join_bytes(text)) if has_stray_bytes(text) else text


# --- writing ----------------------------------------------------------------------------------------------------------


def go_quote(text: str, *, ascii_only: bool = False) -> str:
    """A double-quoted Go literal."""
    inside = ["".join([_shown(one, '"', ascii_only) for one in piece]) for piece in in_pieces(join_bytes(text))]
    return f'"{"".join(inside)}"'


def go_quote_character(code: int, *, ascii_only: bool = False) -> str:
    """A single-quoted Go literal; what is no character shows as U+FFFD."""
    character = chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"
    return "'" + _shown(character, "'", ascii_only) + "'"


def can_backquote(text: str) -> bool:
    """Whether a raw literal can hold the string."""
    return not any(c == "`" or c == "\x7f" or c == "\ufeff" or (c < " " and c != "\t") or _LONE.match(c) for c in text)


def _shown(character: str, quote: str, ascii_only: bool) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character in (quote, "\\"):
        return "\\" + character
    if character.isprintable() and (code < 0x80 or not ascii_only):
        return character
    if character in _SHOWN:
        return _SHOWN[character]
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
