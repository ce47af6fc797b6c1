"""Cuts a Modelfile into the tokens of modelfile.lark.

Where the text is not a Modelfile, a token comes out that the grammar does not know: UNKNOWN (no instruction),
BAD_NAME, BAD_ROLE, OPEN (a quote that never closes), END (the line ended too early) or TOO_MANY. The parser stops there
and parser.py words the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lark import Token

from .scanning import lexer_of
from .source import LINE_BREAK
from .tree import MAX_NODES
from .values import scan_value
from .words import EMBED, INSTRUCTIONS, PROMPT, ROLES

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_BREAK = re.compile(r"\r\n|\r|\n|\Z")
_HEAD = re.compile(r"([A-Za-z]*)([ \t]*)")
_NAME = re.compile(r"([A-Za-z0-9_]*)([ \t]*)")
_ROLE = re.compile(r"([^ \t\r\n]*)([ \t]*)")
_KNOWN = frozenset((*INSTRUCTIONS, PROMPT))


class Scanner:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.line_start = 0

    def tokens(self) -> Iterator[Token]:
        for _ in range(MAX_NODES):
            if self.at >= len(self.text):
                return
            word_at = self._skip_to_word()
            first = self.text[word_at : word_at + 1]
            if first in ("", "\r", "\n"):
                yield self._take("BLANK", self._end_of_line(word_at))
            elif first == "#":
                yield self._take("COMMENT", self._end_of_line(word_at))
            else:
                yield from self._command(word_at)
        if self.at < len(self.text):
            yield self._take("TOO_MANY", self.at)

    def _command(self, word_at: int) -> Iterator[Token]:
        head = _HEAD.match(self.text, word_at)
        assert head is not None
        word = head[1].lower()
        ended = self._at_break(head.end())
        if word not in _KNOWN or not (head[2] or ended):
            yield self._take("UNKNOWN", head.end(1), start=word_at)
            return
        kind = {"parameter": "PARAMETER", "message": "MESSAGE"}.get(word, "WORD")
        yield self._take(kind, head.end())
        if (kind != "WORD" and ended) or not head[2]:
            yield self._end_token(head.end(1))
        elif kind == "PARAMETER":
            yield from self._argument(_NAME, "NAME")
        elif kind == "MESSAGE":
            yield from self._argument(_ROLE, "ROLE")
        elif word == "from" and ended:
            yield self._end_token(head.end(1))
        else:
            yield self._value()

    def _argument(self, pattern: re.Pattern[str], kind: str) -> Iterator[Token]:
        found = pattern.match(self.text, self.at)
        assert found is not None
        if kind == "NAME" and not (found[2] or self._at_break(found.end())):
            yield self._take("BAD_NAME", found.end() + 1, start=found.end())
            return
        if kind == "ROLE" and found[1].lower() not in ROLES:
            yield self._take("BAD_ROLE", found.end(1))
            return
        yield self._take(kind, found.end())
        yield self._value() if found[2] else self._end_token(found.end(1))

    def _value(self) -> Token:
        scanned = scan_value(self.text, self.at)
        if not scanned.closed:
            return self._take("OPEN", scanned.quote_at + len(scanned.mark), start=scanned.quote_at)
        return self._take("VALUE", self._end_of_line(scanned.end))

    def _skip_to_word(self) -> int:
        """Past blanks and non-printing characters, such as a stray byte-order mark, but not past a line break."""
        at, text = self.at, self.text
        while at < len(text) and text[at] not in "\r\n" and (text[at] == " " or not text[at].isprintable()):
            at += 1
        return at

    def _end_of_line(self, at: int) -> int:
        found = _LINE.match(self.text, at)
        assert found is not None
        return found.end()

    def _at_break(self, at: int) -> bool:
        return at == len(self.text) or self.text[at] in "\r\n"

    def _end_token(self, at: int) -> Token:
        return self._take("END", at, start=at)

    def _take(self, kind: str, end: int, *, start: int | None = None) -> Token:
        """The token up to ``end``, with the line and column it starts at."""
        begin = self.at if start is None else start
        raw = self.text[begin:end]
        token = Token(kind, raw, start_pos=begin, line=self.line, column=begin - self.line_start + 1, end_pos=end)
        for found in LINE_BREAK.finditer(raw):
            self.line += 1
            self.line_start = begin + found.end()
        self.at = end
        return token


ModelfileLexer = lexer_of(lambda text: Scanner(text).tokens())

assert EMBED not in _KNOWN  # refused by name, with a message of its own
