"""``parse``: the text of a Modelfile to its tree, and the wording of what is wrong with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .errors import ModelfileSyntaxError, Position
from .source import decode, line_of
from .tree import MAX_NODES, Modelfile
from .words import EMBED, INSTRUCTIONS, ROLES, nearest

if TYPE_CHECKING:
    from .grammar import Stuck

_LISTED = ", ".join(f'"{word}"' for word in INSTRUCTIONS[:-1])
_ONE_OF = f'command must be one of {_LISTED}, or "{INSTRUCTIONS[-1]}"'
_EMBED = "deprecated command: EMBED is no longer supported, use the /embed API endpoint instead"
_BAD_NAME = "unexpected EOF: invalid character in parameter name"
_OPEN = "unexpected EOF: quoted value is not closed"
_TOO_MANY = f"more than {MAX_NODES} instructions, comments and empty lines"
_BAD_ROLE = 'message role must be one of "system", "user", or "assistant"'
_EXPECTED = {"VALUE": "a value", "NAME": "the name of a parameter", "ROLE": "system, user or assistant"}
_LAST_WORD = re.compile(r"[A-Za-z0-9_]+$")


def parse(source: bytes | str, *, require_from: bool = True) -> Modelfile:
    """The tree of a Modelfile.

    Args:
        require_from: refuse a file without FROM, as every use but an editor's wants.

    Raises:
        ModelfileSyntaxError: at the first place that is wrong. Any bytes either parse or raise this.
    """
    from .grammar import Stuck, nodes_of

    text = decode(source)
    try:
        tree = Modelfile.of(nodes_of(text))
    except Stuck as error:
        raise _explain(error, text) from None
    _check_from(tree, text, require_from)
    return tree


def _check_from(tree: Modelfile, text: str, required: bool) -> None:
    bases = [command for command in tree.commands if command.word == "from"]
    if required and not bases:
        raise _error(text, Position(1, 1), "no FROM line", "NoFrom", expected=("FROM",))
    for command in bases:
        if not command.value:
            raise _missing_value(text, "FROM", Position(command.line, command.column + len("FROM")))


def _explain(stuck: Stuck, text: str) -> ModelfileSyntaxError:
    """The one place that words what the parser could not use."""
    word, at = stuck.text, stuck.at
    here = line_of(text, at.line)
    match stuck.kind:
        case "UNKNOWN" if word.lower() == EMBED:
            return _error(text, at, _EMBED, "UnknownInstruction", width=len(word))
        case "UNKNOWN":
            near = nearest(here[at.column - 1 :].split(maxsplit=1)[0], INSTRUCTIONS)
            suggestion = near.upper() if near else None
            return _error(text, at, _ONE_OF, "UnknownInstruction", width=len(word), suggestion=suggestion)
        case "BAD_NAME":
            expected = ("a letter, a digit or an underscore",)
            return _error(text, at, _BAD_NAME, "BadParameterName", expected=expected)
        case "BAD_ROLE":
            near = nearest(word, ROLES)
            return _error(text, at, _BAD_ROLE, "BadRole", width=len(word), expected=ROLES, suggestion=near)
        case "TOO_MANY":
            return _error(text, at, _TOO_MANY, "TooLong")
        case "OPEN":
            expected = (f"{word} at the end of a line",)
            return _error(text, at, _OPEN, "Unterminated", width=len(word), expected=expected)
        case _:
            found = _LAST_WORD.search(here[: at.column - 1])
            wanted = tuple(_EXPECTED[name] for name in ("NAME", "ROLE", "VALUE") if name in stuck.expected)
            return _missing_value(text, found.group() if found else "", at, wanted)


def _missing_value(
    text: str, word: str, at: Position, expected: tuple[str, ...] = ("a value",)
) -> ModelfileSyntaxError:
    return _error(text, at, f"unexpected EOF: {word} has no value", "MissingValue", expected=expected)


def _error(
    text: str,
    at: Position,
    message: str,
    kind: str,
    *,
    width: int = 1,
    expected: tuple[str, ...] = (),
    suggestion: str | None = None,
) -> ModelfileSyntaxError:
    return ModelfileSyntaxError(
        message,
        at.line,
        at.column,
        kind=kind,
        width=max(width, 1),
        expected=expected,
        suggestion=suggestion,
        source_line=line_of(text, at.line),
    )
