"""``parse_template``: the text of a template to its syntax tree."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NoReturn

from lark import Lark, Token, Transformer, UnexpectedToken

from ..errors import TemplateSyntaxError
from ..gotext.numbers import BadNumber, parse_constant
from ..gotext.quoting import go_quote, unquote
from .lexer import OPERAND_ENDS, Scanner, TemplateLexer, column_of
from .nodes import (
    Action,
    Body,
    Break,
    Call,
    Chain,
    Continue,
    Define,
    Dot,
    Field,
    Function,
    HugeNumber,
    If,
    Item,
    Literal,
    Nil,
    Operand,
    Pipe,
    Range,
    Stage,
    Text,
    Variable,
    With,
)

MAX_LENGTH = 1024 * 1024
"""Characters of a template, long examples in its texts included. Real ones have a few thousand."""

MAX_DEPTH = 100
"""How deep parentheses and control structures may nest; an ``else if`` and a pipeline's stage count as one level."""


def parse_template(text: str) -> Body:
    """The items of a template, named templates among them.

    Raises:
        TemplateSyntaxError: at the first place that is wrong. Names are not looked up here.
    """
    if len(text) > MAX_LENGTH:
        raise TemplateSyntaxError(1, f"longer than {MAX_LENGTH} characters")
    try:
        return tuple(_parser().parse(text))  # type: ignore[arg-type]  # the transformer's result
    except UnexpectedToken as error:
        _explain(error, text)
    except _Refused as wrong:
        line = 1 + text.count("\n", 0, wrong.at)
        raise TemplateSyntaxError(line, wrong.message, column_of(text, wrong.at)) from None


class _Refused(Exception):
    """Found while building nodes, where only the offset is known."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at, self.message = at, message


class _ToNodes(Transformer[Token, list[Item]]):
    """Tokens to nodes, while Lark parses."""

    # --- items

    def start(self, items: list[Item]) -> list[Item]:
        return items

    def body(self, parts: list[object]) -> list[Item]:
        if not parts:
            return []
        items, item = parts
        items.append(item)  # type: ignore[attr-defined]
        return items  # type: ignore[return-value]

    def text(self, tokens: list[Token]) -> Text:
        return Text(_at(tokens[0]), str(tokens[0]))

    def action(self, parts: list[Pipe]) -> Action:
        return Action(parts[0].at, parts[0])

    def if_(self, parts: list[object]) -> If:
        return If(*_control(parts))

    def with_(self, parts: list[object]) -> With:
        return With(*_control(parts))

    def range_(self, parts: list[object]) -> Range:
        return Range(*_control(parts))

    def if_tail(self, parts: list[object]) -> Body | None:
        return _tail(parts)

    with_tail = range_tail = if_tail

    def template(self, parts: list[object]) -> Call:
        name = parts[0]
        assert isinstance(name, Token)
        pipe = parts[1] if len(parts) > 1 else None
        assert pipe is None or isinstance(pipe, Pipe)
        return Call(_at(name), _string(name), pipe)

    def block(self, parts: list[object]) -> Define:
        name, pipe, items = parts
        assert isinstance(name, Token) and isinstance(pipe, Pipe) and isinstance(items, list)
        call = Call(_at(name), _string(name), pipe)
        return Define(_at(name), _string(name), tuple(items), call, _deeper(_at(name), *items, pipe))

    def define(self, parts: list[object]) -> Define:
        name, items = parts
        assert isinstance(name, Token) and isinstance(items, list)
        return Define(_at(name), _string(name), tuple(items), None, _deeper(_at(name), *items))

    def break_(self, tokens: list[Token]) -> Break:
        return Break(_at(tokens[0]))

    def continue_(self, tokens: list[Token]) -> Continue:
        return Continue(_at(tokens[0]))

    # --- pipelines

    def pipeline(self, parts: list[object]) -> Pipe:
        commands = tuple(part for part in parts if isinstance(part, Stage))
        names: list[str] = []
        assigns = False
        at = commands[0].at
        for part in parts:
            if isinstance(part, Token):
                names.append(str(part))
            elif isinstance(part, tuple):
                names.append(part[0])
                assigns = part[1]
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], Dot | Nil | Literal | HugeNumber):
                raise _Refused(command.at, f"non executable command in pipeline stage {stage}")
        depth = _deeper(at, *(one for command in commands for one in command.operands), levels=len(commands))
        return Pipe(at, tuple(names), assigns, commands, depth)

    def declaration(self, tokens: list[Token]) -> tuple[str, bool]:
        return str(tokens[0]), tokens[1].type == "ASSIGN"

    def command(self, operands: list[Operand]) -> Stage:
        return Stage(operands[0].at, tuple(operands))

    # --- operands: where fields follow, an error points at the first of them, as Go's does

    def field(self, tokens: list[Token]) -> Field:
        return Field(_at(tokens[min(1, len(tokens) - 1)]), tuple(token[1:] for token in tokens))

    def variable(self, tokens: list[Token]) -> Variable:
        return Variable(_at(tokens[min(1, len(tokens) - 1)]), str(tokens[0]), tuple(token[1:] for token in tokens[1:]))

    def chain(self, parts: list[object]) -> Chain | Pipe | Function:
        first, *fields = parts
        base = Function(_at(first), str(first)) if isinstance(first, Token) else first
        assert isinstance(base, Pipe | Function)
        names = tuple(field[1:] for field in fields if isinstance(field, Token))
        return Chain(_at(fields[0]), base, names) if names else base

    def parenthesized(self, parts: list[object]) -> Pipe:
        pipe = parts[1]
        assert isinstance(pipe, Pipe)
        return pipe

    def dot(self, tokens: list[Token]) -> Dot:
        return Dot(_at(tokens[0]))

    def nil(self, tokens: list[Token]) -> Nil:
        return Nil(_at(tokens[0]))

    def bool(self, tokens: list[Token]) -> Literal:
        return Literal(_at(tokens[0]), tokens[0] == "true", str(tokens[0]))

    def number(self, tokens: list[Token]) -> Literal | HugeNumber:
        token = tokens[0]
        try:
            value = parse_constant(str(token))
        except BadNumber as error:
            raise _Refused(_at(token), str(error)) from None
        return HugeNumber(_at(token), str(token)) if value is None else Literal(_at(token), value, str(token))

    def string(self, tokens: list[Token]) -> Literal:
        return Literal(_at(tokens[0]), _string(tokens[0]), str(tokens[0]))


def _at(token: object) -> int:
    assert isinstance(token, Token)
    return token.start_pos or 0


def _string(token: Token) -> str:
    value = unquote(str(token))
    if value is None:
        raise _Refused(_at(token), "invalid syntax")
    return value


def _control(parts: list[object]) -> tuple[int, Pipe, Body, Body | None, int]:
    pipe, items, otherwise = parts
    assert isinstance(pipe, Pipe) and isinstance(items, list)
    assert otherwise is None or isinstance(otherwise, tuple)
    return pipe.at, pipe, tuple(items), otherwise, _deeper(pipe.at, pipe, *items, *(otherwise or ()))


def _tail(parts: list[object]) -> Body | None:
    """What follows ``else``: a body, or the ``if`` or ``with`` chained to it."""
    if not parts:
        return None
    return tuple(parts[0]) if isinstance(parts[0], list) else (parts[0],)  # type: ignore[return-value]


def _deeper(at: int, *children: object, levels: int = 1) -> int:
    """The depth of a node over its children; evaluating one stage of a pipeline stacks on the stages before it."""
    depth = levels + max((getattr(child, "depth", 0) for child in children), default=0)
    if depth > MAX_DEPTH:
        raise _Refused(at, f"nested more than {MAX_DEPTH} levels deep")
    return depth


# --- errors -----------------------------------------------------------------------------------------------------------

_CONTEXTS = {
    "IF": "if",
    "WITH": "with",
    "RANGE": "range",
    "TEMPLATE": "template clause",
    "BLOCK": "block clause",
    "DEFINE": "define clause",
    "LEFT_PAREN": "parenthesized pipeline",
    "ELSE": "else",
    "END": "end",
    "BREAK": "{{break}}",
    "CONTINUE": "{{continue}}",
}
_BLOCKS = {"END": "{{end}}", "ELSE": "{{else}}"}


def _explain(error: UnexpectedToken, text: str) -> NoReturn:
    """Word what the parser could not use as Go does, as far as one token of context allows."""
    token = error.token
    if token.type == "$END":
        raise TemplateSyntaxError(1 + text.count("\n"), "unexpected EOF", column_of(text, len(text))) from None
    line, at = token.line or 1, token.start_pos or 0
    raise TemplateSyntaxError(line, _complaint(token, error, text), column_of(text, at)) from None


def _complaint(token: Token, error: UnexpectedToken, text: str) -> str:
    *_, before, previous = ["", "", *_action_so_far(text, token)]
    if token.type in _BLOCKS and previous == "LEFT":
        return "unexpected " + _BLOCKS[token.type]
    if token.type == "FIELD" and previous in ("NUMBER", "STRING", "BOOL", "NIL", "DOT"):
        return "unexpected . after a term that has no fields"
    context = _CONTEXTS.get(before if previous == "STRING" else previous, "command")
    if token.type in ("RIGHT", "RIGHT_PAREN") and "DOT" in error.expected:
        return f"missing value for {context}"
    if token.type == "COMMA" and previous == "VARIABLE":
        return "too many declarations in command"
    if previous in OPERAND_ENDS:
        context = "operand"
    return f"unexpected {_shown(token)} in {context}"


def _action_so_far(text: str, stop: Token) -> list[str]:
    """The kinds of the tokens of the action that ``stop`` stands in, up to it."""
    kinds: list[str] = []
    for token in Scanner(text).tokens():
        if token.start_pos == stop.start_pos and token.type == stop.type:
            break
        if token.type in ("TEXT", "RIGHT"):
            kinds.clear()
        else:
            kinds.append(token.type)
    return kinds


def _shown(token: Token) -> str:
    if token.type.lower() == token and token.type not in ("BOOL",):
        return f"<{token}>"
    return go_quote(token[:10]) + ("..." if len(token) > 10 else "")


@cache
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("template.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer=TemplateLexer, transformer=_ToNodes())
