"""The lossless tree of a Modelfile, and the commands it says.

A tree keeps every character: comments, order, spelling, line breaks. ``str(modelfile)`` is the file again. The
commands are what the file means; two files that differ only in spelling have equal commands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from .errors import Position
from .values import WHITE_SPACE

MAX_NODES = 50_000
"""Instructions, comments and empty lines of a file. Real ones have a few dozen; this many take some seconds."""

_NOWHERE = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Command:
    """One instruction and its value. Positions are no part of its identity; line 0 means "not from a file".

    ``name`` is set for PARAMETER, ``role`` for MESSAGE, and only there.
    """

    word: str
    value: str
    name: str | None = None
    role: str | None = None
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)
    argument_at: Position = field(default=_NOWHERE, compare=False, repr=False)
    value_at: Position = field(default=_NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Instruction:
    """A command as it is spelled: ``FROM `` + (``top_k `` or nothing) + the value, its quotes and its line break."""

    command: Command
    head: str
    argument: str
    body: str
    closes_late: bool = field(default=False, compare=False)
    """Its quoted value runs on although the first line already held a closing quote."""

    @property
    def is_quoted(self) -> bool:
        """Whether quote marks stand around the value."""
        return self.body.strip(WHITE_SPACE).startswith('"')

    def __str__(self) -> str:
        return self.head + self.argument + self.body


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment line with its indentation and its line break."""

    text: str
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Blank:
    """An empty line: blanks, and its line break."""

    text: str
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return self.text


Node = Instruction | Comment | Blank


@dataclass(frozen=True)
class Modelfile:
    """A whole file: its nodes from top to bottom."""

    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Modelfile:
        return cls(tuple(nodes))

    @cached_property
    def instructions(self) -> tuple[Instruction, ...]:
        return tuple(node for node in self.nodes if isinstance(node, Instruction))

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """What the file says, in the order it says it."""
        return tuple(node.command for node in self.instructions)

    def __str__(self) -> str:
        return "".join(map(str, self.nodes))
