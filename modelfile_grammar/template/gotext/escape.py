"""``html``, ``js`` and ``urlquery``: text made safe for somewhere else."""

from __future__ import annotations

import re

from .quoting import to_bytes

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
_HTML_PATTERN = re.compile("[&<>\"'\0]")
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}
_PLAIN_IN_QUERY = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")


def escape_html(text: str) -> str:
    return _HTML_PATTERN.sub(lambda found: _HTML[found[0]], text)


def escape_js(text: str) -> str:
    return "".join([_js(character) for character in text])


def _js(character: str) -> str:
    if character in _JS:
        return _JS[character]
    if character.isprintable() or character == "\x7f" or 0xD800 <= ord(character) <= 0xDFFF:
        return character
    return f"\\u{ord(character):04X}"


def escape_query(text: str) -> str:
    return "".join([chr(b) if b in _PLAIN_IN_QUERY else "+" if b == 0x20 else f"%{b:02X}" for b in to_bytes(text)])
