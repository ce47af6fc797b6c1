"""``parse``: the text of a Modelfile to its tree."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from .errors import ModelfileSyntaxError, Position
from .lexer import ModelfileLexer
from .source import decode, line_of
from .tree import Blank, Command, Comment, Instruction, Modelfile, Node
from .values import closes_late, scan_value
from .words import EMBED, INSTRUCTIONS, ROLES, nearest

_WORD = re.compile(r"[A-Za-z]+")
_ONE_OF = (
    "command must be one of " + ", ".join(f'"{word}"' for word in INSTRUCTIONS[:-1]) + f', or "{INSTRUCTIONS[-1]}"'
)
_EMBED = "deprecated command: EMBED is no longer supported, use the /embed API endpoint instead"
_BAD_NAME = "unexpected EOF: invalid character in parameter name"
_OPEN = "unexpected EOF: quoted value is not closed"
_BAD_ROLE = 'message role must be one of "system", "user", or "assistant"'
_EXPECTED = {"VALUE": "a value", "NAME": "the name of a parameter", "ROLE": "system, user or assistant"}


def parse(source: bytes | str, *, require_from: bool = True) -> Modelfile:
    """The tree of a Modelfile.

    Args:
        require_from: refuse a file without FROM, as every use but an editor's wants.

    Raises:
        ModelfileSyntaxError: at the first place that is wrong. Any bytes either parse or raise this.
    """
    text = decode(source)
    try:
        nodes: list[Node] = _parser().parse(text)  # type: ignore[assignment]  # the transformer's result
    except UnexpectedToken as error:
        raise _explain(error, text) from None
    except UnexpectedInput as error:  # pragma: no cover - our lexer raises nothing else
        raise ModelfileSyntaxError(str(error), 1, 1) from None
    tree = Modelfile.of(nodes)
    _check_from(tree, text, require_from)
    return tree


class _ToNodes(Transformer[Token, list[Node]]):
    """Tokens to nodes. Runs while Lark parses, so no intermediate tree is built."""

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
    return Position(token.line or 0, token.column or 0)


def _check_from(tree: Modelfile, text: str, required: bool) -> None:
    bases = [command for command in tree.commands if command.word == "from"]
    if required and not bases:
        raise _error(text, 1, 1, "no FROM line", "NoFrom", expected=("FROM",))
    for command in bases:
        if not command.value:
            raise _missing_value(text, "FROM", command.line, command.column + len("FROM"))


def _explain(error: UnexpectedToken, text: str) -> ModelfileSyntaxError:
    """The one place that words what the parser could not use."""
    token = error.token
    at = token.line or 1, token.column or 1
    word = str(token)
    match token.type:
        case "UNKNOWN" if word.lower() == EMBED:
            return _error(text, *at, _EMBED, "UnknownInstruction", width=len(word))
        case "UNKNOWN":
            written = line_of(text, at[0])[at[1] - 1 :].split(maxsplit=1)[0]
            near = nearest(written, INSTRUCTIONS)
            suggestion = near.upper() if near else None
            return _error(text, *at, _ONE_OF, "UnknownInstruction", width=len(word), suggestion=suggestion)
        case "BAD_NAME":
            expected = ("a letter, a digit or an underscore",)
            return _error(text, *at, _BAD_NAME, "BadParameterName", expected=expected)
        case "BAD_ROLE":
            near = nearest(word, ROLES)
            return _error(text, *at, _BAD_ROLE, "BadRole", width=len(word), expected=ROLES, suggestion=near)
        case "OPEN":
            expected = (f"{word} at the end of a line",)
            return _error(text, *at, _OPEN, "Unterminated", width=len(word), expected=expected)
        case _:
            found = re.search(r"[A-Za-z0-9_]+$", line_of(text, at[0])[: at[1] - 1])
            wanted = tuple(_EXPECTED[name] for name in ("NAME", "ROLE", "VALUE") if name in error.expected)
            return _missing_value(text, found.group() if found else "", *at, wanted)


def _missing_value(
    text: str, word: str, line: int, column: int, expected: tuple[str, ...] = ("a value",)
) -> ModelfileSyntaxError:
    return _error(text, line, column, f"unexpected EOF: {word} has no value", "MissingValue", expected=expected)


def _error(
    text: str,
    line: int,
    column: int,
    message: str,
    kind: str,
    *,
    width: int = 1,
    expected: tuple[str, ...] = (),
    suggestion: str | None = None,
) -> ModelfileSyntaxError:
    return ModelfileSyntaxError(
        message,
        line,
        column,
        kind=kind,
        width=max(width, 1),
        expected=expected,
        suggestion=suggestion,
        source_line=line_of(text, line),
    )


@cache
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("modelfile.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer=ModelfileLexer, transformer=_ToNodes())
