"""What can be wrong with a Modelfile, worded in one place.

``str(error)`` is one line, ``(line L, column C): message``; ``error.picture()`` adds the source line, a caret,
what was expected and the nearest correct spelling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

_LONGEST_NUMBER = 30  # digits


class Position(NamedTuple):
    """Where something starts: line and column count from 1, the column in code points."""

    line: int
    column: int


class ModelfileSyntaxError(Exception):
    """A Modelfile that is not one, or a value of the wrong type in it.

    ``kind`` names the rule: UnknownInstruction, MissingValue, BadParameterName, BadRole, Unterminated, NoFrom, TooLong,
    UnknownParameter, BadValue, BadRequires.
    """

    def __init__(
        self,
        message: str,
        line: int,
        column: int,
        *,
        kind: str = "Syntax",
        width: int = 1,
        expected: tuple[str, ...] = (),
        suggestion: str | None = None,
        source_line: str = "",
    ) -> None:
        super().__init__(f"(line {line}, column {column}): {message}")
        self.message, self.line, self.column, self.kind = message, line, column, kind
        self.width, self.expected, self.suggestion, self.source_line = width, expected, suggestion, source_line

    def picture(self) -> str:
        """The error for a terminal: several lines, no final line break."""
        margin = f"{self.line:>4} | "
        indent = "".join(c if c == "\t" else " " for c in self.source_line[: self.column - 1])
        indent = indent.ljust(self.column - 1)
        lines = [str(self), margin + self.source_line, "     | " + indent + "^" + "~" * (self.width - 1)]
        if self.expected:
            lines.append("expected " + _either(self.expected))
        if self.suggestion:
            lines.append(f"did you mean {self.suggestion}?")
        return "\n".join(lines)


class ParameterError(ValueError):
    """A parameter that does not exist, or a text that is not of its type. The position is the caller's to add."""


class ParameterTypeError(ParameterError):
    """A JSON value of the wrong type. ``expected`` says which would be right: ``type integer``."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f'option "{name}" must be of {expected}')
        self.name, self.expected = name, expected


class ParameterRangeError(ParameterError):
    """A number of the right type that no engine could work with. ``allowed`` says which could: ``at least 0``."""

    def __init__(self, name: str, value: float, allowed: str) -> None:
        super().__init__(f'option "{name}" is {_brief(value)}, but must be {allowed}')
        self.name, self.value, self.allowed = name, value, allowed


@dataclass(frozen=True, slots=True)
class Warning:
    """Something legal that is nearly always a mistake, or an instruction that has no effect any more."""

    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"(line {self.line}, column {self.column}): {self.text}"


def _brief(value: float) -> str:
    """A number as it was given; one of hundreds of digits by their beginning."""
    if isinstance(value, int) and abs(value) >= 10**_LONGEST_NUMBER:
        digits = len(str(abs(value)))
        return f"{str(value)[:8]}... ({digits} digits)"
    return str(value)


def _either(options: tuple[str, ...]) -> str:
    if len(options) == 1:
        return options[0]
    return ", ".join(options[:-1]) + " or " + options[-1]
