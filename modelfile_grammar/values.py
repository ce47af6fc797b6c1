"""Values: where one ends, what it says, and how to write it so that it reads back the same.

A value is closed at a line break or at the end of the file, and only if what was collected so far, trimmed, is
complete: text that begins with a quote mark must also end with it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# What Go's unicode.IsSpace holds; Python's own idea adds U+001C to U+001F.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
TRIPLE = '"""'

_INLINE_SPACE = WHITE_SPACE.replace("\n", "").replace("\r", "")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_CLOSING = {mark: re.compile(mark + f"[{_INLINE_SPACE}]*(?=[\r\n]|\\Z)") for mark in (TRIPLE, '"')}


class Scanned(NamedTuple):
    """A value as found in a text: ``text[start:end]`` holds it with its quotes and the white space after it."""

    end: int
    value: str
    mark: str
    """The quote mark, or nothing."""

    quote_at: int
    """Offset of the opening mark, or of the first character."""

    closed: bool


def scan_value(text: str, start: int) -> Scanned:
    """The value that starts at ``start``, just after the blanks that end a word, a name or a role."""
    line = _REST_OF_LINE.match(text, start)
    assert line is not None
    bare = line.group().strip(WHITE_SPACE)
    if not bare.startswith('"'):
        return Scanned(line.end(), bare, "", start, True)
    mark = TRIPLE if bare.startswith(TRIPLE) else '"'
    quote_at = text.index('"', start)
    inside = quote_at + len(mark)
    closing = _CLOSING[mark].search(text, inside)
    if closing is None:
        return Scanned(len(text), "", mark, quote_at, False)
    return Scanned(closing.end(), text[inside : closing.start()], mark, quote_at, True)


def closes_late(text: str, scanned: Scanned) -> bool:
    """Whether a value runs over several lines although its first line holds a closing mark before other text."""
    if not scanned.mark:
        return False
    first = _REST_OF_LINE.match(text, scanned.quote_at)
    assert first is not None
    return first.end() < scanned.end and scanned.mark in first.group()[len(scanned.mark) :]


def quote(value: str) -> str:
    """The plainest spelling that reads back as ``value``; the triple form where none does."""
    if value and reads_back(value, value):
        return value
    quoted = f'"{value}"'
    if '"' not in value and "\n" not in value and reads_back(quoted, value):
        return quoted
    return TRIPLE + value + TRIPLE


def reads_back(spelling: str, value: str) -> bool:
    """Whether ``spelling``, written after a word and a blank, gives ``value``."""
    if "\0" in value:
        return False
    scanned = scan_value(spelling, 0)
    return scanned.closed and scanned.end == len(spelling) and scanned.value == value


def is_representable(value: str) -> bool:
    """Whether the language can say ``value`` at all."""
    return reads_back(quote(value), value)
