"""Runs modelfile.lark. Apart from parser.py, so that Lark is loaded when the first file is parsed and not before."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from lark import Lark, Token, Transformer, UnexpectedToken

from .errors import Position
from .lexer import ModelfileLexer
from .tree import Blank, Command, Comment, Instruction, Node
from .values import closes_late, scan_value

_WORD = re.compile(r"[A-Za-z]+")


class Stuck(Exception):
    """The first token that cannot stand where it stands: its kind and text, and the kinds that could."""

    def __init__(self, kind: str, text: str, at: Position, expected: frozenset[str]) -> None:
        super().__init__(kind)
        self.kind, self.text, self.at, self.expected = kind, text, at, expected


def nodes_of(text: str) -> list[Node]:
    """The nodes of a file from top to bottom. Stuck, if it is not a Modelfile."""
    try:
        return _parser().parse(text)  # type: ignore[return-value]  # the transformer's result
    except UnexpectedToken as error:
        raise Stuck(error.token.type, str(error.token), _at(error.token), frozenset(error.expected)) from None


class _ToNodes(Transformer[Token, list[Node]]):
    """Tokens to nodes. Runs while Lark parses, so no tree of Lark's is built."""

    def start(self, nodes: list[Node]) -> list[Node]:
        return nodes

    def plain(self, tokens: list[Token]) -> Instruction:
        return _instruction(tokens[0], None, tokens[1])

    def parameter(self, tokens: list[Token]) -> Instruction:
        return _instruction(*tokens)

    def message(self, tokens: list[Token]) -> Instruction:
        return _instruction(*tokens)

    def comment(self, tokens: list[Token]) -> Comment:
        return Comment(str(tokens[0]), tokens[0].line or 0)

    def blank(self, tokens: list[Token]) -> Blank:
        return Blank(str(tokens[0]), tokens[0].line or 0)


def _instruction(head: Token, argument: Token | None, body: Token) -> Instruction:
    word = _WORD.search(head)
    assert word is not None
    raw = str(body)
    scanned = scan_value(raw, 0)
    text = "" if argument is None else argument.rstrip(" \t")
    command = Command(
        word.group().lower(),
        scanned.value,
        name=text if head.type == "PARAMETER" else None,
        role=text.lower() if head.type == "MESSAGE" else None,
        line=head.line or 0,
        column=(head.column or 0) + word.start(),
        argument_at=_at(argument or body),
        value_at=_at(body),
    )
    return Instruction(command, str(head), str(argument or ""), raw, closes_late(raw, scanned))


def _at(token: Token) -> Position:
    return Position(token.line or 1, token.column or 1)


@cache
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("modelfile.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer=ModelfileLexer, transformer=_ToNodes())
