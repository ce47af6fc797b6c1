"""Cuts a template into the tokens of template.lark: text, delimiters and what stands between them.

White space is kept only where it separates two operands. Trim markers have already eaten the text they trim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn
from unicodedata import category

from lark import Token

from ...scanning import lexer_of
from ..errors import TemplateSyntaxError
from ..gotext.quoting import go_quote

_PLAIN_KEYWORDS = ("block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with")
KEYWORDS = {word: word.upper() for word in _PLAIN_KEYWORDS} | {"true": "BOOL", "false": "BOOL"}

SPACES = " \t\r\n"
_SPACE_RUN = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[A-Za-z0-9_]*")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_OPERANDS = frozenset(("FIELD", "VARIABLE", "IDENTIFIER", "DOT", "NUMBER", "STRING", "BOOL", "NIL"))
OPERAND_ENDS = _OPERANDS | {"RIGHT_PAREN"}
_OPERAND_STARTS = _OPERANDS | {"LEFT_PAREN"}
_PUNCTUATION = {"|": "PIPE", "(": "LEFT_PAREN", ")": "RIGHT_PAREN", ",": "COMMA", "=": "ASSIGN"}


MAX_TOKENS = 20_000
"""Tokens of a template. Real ones have a few hundred; reading this many takes a fraction of a second."""


class Scanner:
    """One pass over one template."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self._counted = self._made = 0
        self.parens = 0
        self.action_line = 0  # outside of actions

    def tokens(self) -> Iterator[Token]:
        text = self.text
        trim_next = False
        while True:
            if trim_next:
                self.at = _skip(text, self.at)
            left = text.find("{{", self.at)
            end = len(text) if left < 0 else left
            trims = left >= 0 and text[left + 2 : left + 3] == "-" and text[left + 3 : left + 4] in _SPACE_SET
            shown = text[self.at : end].rstrip(SPACES) if trims else text[self.at : end]
            if shown:
                yield self._token("TEXT", self.at, shown)
            if left < 0:
                return
            self._move(left)
            inside = left + (4 if trims else 2)
            if text.startswith("/*", inside):
                trim_next = self._skip_comment(inside)
                continue
            yield self._token("LEFT", left, "{{")
            self.at, self.action_line, self.parens = inside - (1 if trims else 0), self.line, 0
            yield from self._action()
            trim_next = text[self.at] != "}"
            right = self.at if not trim_next else _skip(text, self.at) + 1
            yield self._token("RIGHT", right, "}}")
            self.at, self.action_line = right + 2, 0

    # --- between the delimiters ---------------------------------------------------------------------------------------

    def _action(self) -> Iterator[Token]:
        """The tokens up to the right delimiter; ``at`` stays on it, or on the space before its trim marker."""
        previous = ""
        while True:
            gap = _skip(self.text, self.at)
            if gap > self.at and self.text.startswith("-}}", gap):
                self._check_parens()
                self.at = gap - 1
                return
            spaced, self.at = gap > self.at, gap
            if self.text.startswith("}}", gap):
                self._check_parens()
                return
            token = self._operand_or_mark()
            if spaced and previous in OPERAND_ENDS and token.type in _OPERAND_STARTS:
                yield self._token("_SPACE", token.start_pos or 0, " ")
            previous = token.type
            yield token

    def _operand_or_mark(self) -> Token:
        text, at = self.text, self.at
        first = text[at : at + 1]
        if not first:
            self._fail("unclosed action")
        if first == '"':
            return self._matched("STRING", _STRING, "unterminated quoted string")
        if first == "`":
            return self._raw_string()
        if first == "'":
            return self._matched("NUMBER", _CHARACTER, "unterminated character constant")
        if first == "." and not ("0" <= text[at + 1 : at + 2] <= "9"):
            return self._word("FIELD", at + 1)
        if first == "$":
            return self._word("VARIABLE", at + 1)
        if first in "+-.0123456789":
            return self._number()
        if _is_word_character(first):
            return self._word("IDENTIFIER", at)
        return self._mark(first)

    def _mark(self, first: str) -> Token:
        if first == ":":
            if not self.text.startswith(":=", self.at):
                self._fail("expected :=")
            return self._advance("DECLARE", self.at + 2)
        if first == "(":
            self.parens += 1
        elif first == ")":
            self.parens -= 1
            if self.parens < 0:
                self._fail("unexpected right paren")
        elif first not in _PUNCTUATION and not ("!" <= first <= "~"):
            self._fail(f"unrecognized character in action: {_unicode(first)}")
        return self._advance(_PUNCTUATION.get(first, "CHAR"), self.at + 1)

    def _word(self, kind: str, start: int) -> Token:
        """A field, a variable, a keyword or the name of a function; the name starts at ``start``."""
        end = _end_of_word(self.text, start)
        if not self._at_terminator(end):
            bad = self.text[end]
            self._fail(f"bad character {_unicode(bad)}", end)
        if kind == "FIELD" and end == start:
            return self._advance("DOT", end)
        if kind == "IDENTIFIER":
            kind = KEYWORDS.get(self.text[start:end], kind)
        return self._advance(kind, end)

    def _number(self) -> Token:
        found = _NUMBER.match(self.text, self.at)
        assert found is not None
        end = found.end()
        follower = self.text[end : end + 1]
        if follower and (_is_word_character(follower) or follower in "+-"):
            wrong = self.text[self.at : end + 1]
            self._fail(f"bad number syntax: {go_quote(wrong)}", end)
        return self._advance("NUMBER", end)

    def _matched(self, kind: str, pattern: re.Pattern[str], complaint: str) -> Token:
        found = pattern.match(self.text, self.at)
        if found is None:
            self._fail(complaint)
        return self._advance(kind, found.end())

    def _raw_string(self) -> Token:
        end = self.text.find("`", self.at + 1)
        if end < 0:
            self._fail("unterminated raw quoted string")
        return self._advance("STRING", end + 1)

    def _at_terminator(self, at: int) -> bool:
        follower = self.text[at : at + 1]
        return follower == "" or follower in " \t\r\n.,|:)(" or self.text.startswith("}}", at)

    def _skip_comment(self, start: int) -> bool:
        """Past a comment; whether its right delimiter trims the text after it."""
        end = self.text.find("*/", start + 2)
        if end < 0:
            self._fail("unclosed comment")
        end += 2
        self._move(end)
        if self.text.startswith("}}", end):
            self.at = end + 2
            return False
        if self.text[end : end + 1] not in _SPACE_SET or not self.text.startswith("-}}", end + 1):
            self._fail("comment ends before closing delimiter")
        self.at = end + 4
        return True

    # --- tokens and places --------------------------------------------------------------------------------------------

    def _advance(self, kind: str, end: int) -> Token:
        token = self._token(kind, self.at, self.text[self.at : end])
        self.at = end
        return token

    def _token(self, kind: str, at: int, value: str) -> Token:
        self.line += self.text.count("\n", self._counted, at)
        self._counted = at
        self._made += 1
        if self._made > MAX_TOKENS:
            self._fail(f"more than {MAX_TOKENS} texts, words and marks", at)
        return Token(kind, value, at, self.line)

    def _move(self, at: int) -> None:
        """Count the lines up to ``at``."""
        self.line += self.text.count("\n", self._counted, at)
        self._counted = at

    def _check_parens(self) -> None:
        if self.parens:
            self._fail("unclosed left paren")

    def _fail(self, message: str, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        self._move(at)
        if self.action_line not in (0, self.line):
            message += f"{'' if message.endswith(' action') else ' in action'} started at :{self.action_line}"
        raise TemplateSyntaxError(self.line, message, column_of(self.text, at))


TemplateLexer = lexer_of(lambda text: Scanner(text).tokens())


def column_of(text: str, at: int) -> int:
    """The column of an offset, from 1, in code points."""
    return at - text.rfind("\n", 0, at)


def _skip(text: str, at: int) -> int:
    found = _SPACE_RUN.match(text, at)
    assert found is not None
    return found.end()


def _end_of_word(text: str, at: int) -> int:
    found = _WORD.match(text, at)
    assert found is not None
    end = found.end()
    while end < len(text) and _is_word_character(text[end]):
        end += 1
    return end


def _is_word_character(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    return category(character) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd")


def _unicode(character: str) -> str:
    shown = f" '{character}'" if character.isprintable() else ""
    return f"U+{ord(character):04X}{shown}"


_SPACE_SET = frozenset(SPACES)
