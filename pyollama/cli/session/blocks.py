"""Triple quotes in a message: when it is complete, and what it says."""

from __future__ import annotations

import re

MARK = '"""'
_OPENING = re.compile(r'(/set\s+system\s+)?"""')


def is_open(text: str) -> bool:
    """A triple quote was opened at the start and not closed at the end of the last line."""
    opening = _OPENING.match(text)
    return bool(opening) and not text[opening.end() :].endswith(MARK) if opening else False


def unquote(text: str) -> str:
    """The text between a pair of triple quotes; any other text as it is."""
    if not text.startswith(MARK):
        return text
    return text.removeprefix(MARK).removesuffix(MARK)
