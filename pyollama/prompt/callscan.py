"""Cutting the text after a tool-call tag into what may be calls and what lies between.

Everything is looked at once, however the text arrives: a piece is read where the one before it ended.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

MARKUP_CLOSERS = {"<function=": "</function>", "<function name=": "</function>", "<invoke name=": "</invoke>"}
_IN_OBJECT = re.compile(r'["{}]')
_IN_STRING = re.compile(r'["\\]')


class Kind(Enum):
    OBJECT = auto()  # a balanced {...}
    MARKUP = auto()  # <function=...> to </function>
    TAG = auto()  # the tag once more
    END = auto()  # the bracket that closes the tag's


class Found(NamedTuple):
    """One thing, and the text since the last one."""

    kind: Kind
    before: str
    text: str


class _Mode(Enum):
    BETWEEN = auto()
    OBJECT = auto()
    MARKUP = auto()


class CallScanner:
    """Give text with ``add``, take what is complete with ``next`` until it is None."""

    def __init__(self, tag: str) -> None:
        """``tag``: starts another call; the tag ``[`` is a bracket whose closing one is looked for instead."""
        self._in_list = tag == "["
        self._marks: tuple[str, ...] = ("{",)
        if not self._in_list and tag != "{":
            self._marks = ("{", tag, *MARKUP_CLOSERS)
        self._between = re.compile(r'["{\[\]]' if self._in_list else "|".join(map(re.escape, self._marks)))
        self._text = ""
        self._start = 0  # of what has not been put away
        self._at = 0  # where reading goes on
        self._before: list[str] = []
        self._thing: list[str] = []
        self._mode = _Mode.BETWEEN
        self._closer = ""
        self._braces = 0
        self._brackets = 0
        self._in_string = False

    def add(self, text: str) -> None:
        self._text = self._text[self._start :] + text
        self._at -= self._start
        self._start = 0

    def next(self) -> Found | None:
        """The next thing that is complete."""
        found, going_on = None, True
        while going_on and found is None:
            if self._in_string:
                going_on = self._read_string()
            else:
                going_on, found = _READ[self._mode](self)
        return found

    def unfinished(self) -> tuple[str, str]:
        """What has not been given out: text between things, and the beginning of a thing."""
        rest = self._text[self._start :]
        if self._mode is _Mode.BETWEEN:
            return "".join(self._before) + rest, ""
        return "".join(self._before), "".join(self._thing) + rest

    # --- one step in each mode: whether to go on, and what is complete ---

    def _read_between(self) -> tuple[bool, Found | None]:
        match = self._between.search(self._text, self._at)
        if match is None:
            kept = 0 if self._in_list else max(overlap(self._text[self._at :], mark) for mark in self._marks)
            self._put_away(self._before, len(self._text) - kept)
            return False, None
        self._at = match.end()
        match match[0]:
            case '"':
                self._in_string = self._brackets > 0
            case "[" if self._in_list:
                self._brackets += 1
            case "]" if self._in_list:
                self._brackets -= 1
                if self._brackets == 0:
                    return True, self._complete(Kind.END, match.start())
            case "{":
                self._put_away(self._before, match.start())
                self._mode, self._braces, self._at = _Mode.OBJECT, 1, match.end()
            case mark if mark in MARKUP_CLOSERS:
                self._put_away(self._before, match.start())
                self._mode, self._closer = _Mode.MARKUP, MARKUP_CLOSERS[mark]
            case _:
                return True, self._complete(Kind.TAG, match.start())
        return True, None

    def _read_object(self) -> tuple[bool, Found | None]:
        match = _IN_OBJECT.search(self._text, self._at)
        if match is None:
            self._put_away(self._thing, len(self._text))
            return False, None
        self._at = match.end()
        if match[0] == '"':
            self._in_string = True
        else:
            self._braces += 1 if match[0] == "{" else -1
        return True, self._complete(Kind.OBJECT, self._start) if self._braces == 0 else None

    def _read_string(self) -> bool:
        match = _IN_STRING.search(self._text, self._at)
        if match is None:
            self._put_away(self._before if self._mode is _Mode.BETWEEN else self._thing, len(self._text))
            return False
        if match[0] == "\\" and match.end() == len(self._text):  # what is escaped has not arrived
            self._put_away(self._before if self._mode is _Mode.BETWEEN else self._thing, match.start())
            return False
        self._in_string = match[0] != '"'
        self._at = match.end() + (match[0] == "\\")
        return True

    def _read_markup(self) -> tuple[bool, Found | None]:
        end = self._text.find(self._closer, self._at)
        if end < 0:
            self._put_away(self._thing, len(self._text) - overlap(self._text[self._at :], self._closer))
            return False, None
        self._at = end + len(self._closer)
        return True, self._complete(Kind.MARKUP, self._start)

    def _complete(self, kind: Kind, start: int) -> Found:
        """The thing that began at start, or is in part put away, and ends where reading goes on."""
        end = self._at
        if self._mode is _Mode.BETWEEN:
            self._put_away(self._before, start)
        self._put_away(self._thing, end)
        found = Found(kind, "".join(self._before), "".join(self._thing))
        self._before, self._thing, self._mode = [], [], _Mode.BETWEEN
        return found

    def _put_away(self, where: list[str], end: int) -> None:
        """Text up to end has been read and belongs there."""
        if end > self._start:
            where.append(self._text[self._start : end])
        self._start = self._at = end


_READ = {
    _Mode.BETWEEN: CallScanner._read_between,
    _Mode.OBJECT: CallScanner._read_object,
    _Mode.MARKUP: CallScanner._read_markup,
}


def overlap(text: str, tag: str) -> int:
    """Length of the longest end of text that is a proper beginning of tag."""
    for length in range(min(len(text), len(tag) - 1), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
