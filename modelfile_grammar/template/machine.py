"""Runs a compiled template: a list of instructions, each a closure that returns where to go on.

Templates that call each other keep their frames on a list of ours, so their depth has nothing to do with Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from .errors import CallError, TemplateRunError
from .syntax.nodes import Node
from .values import Value


@dataclass(frozen=True, slots=True)
class Limits:
    """What one rendering may use. Beyond it, it fails instead of taking the server along."""

    steps: int = 1_000_000
    """Instructions: texts, actions, branches, iterations."""

    output: int = 16 * 1024 * 1024
    """Characters written, and made by functions on the way."""

    depth: int = 1000
    """Templates that are inside each other."""


class Failure(Exception):
    """A run-time error with the node it happened at; the machine turns it into a TemplateRunError."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.message, self.place = message, place


@dataclass(frozen=True, slots=True)
class Place:
    """A node and the template it belongs to."""

    template: str
    node: Node


Instruction = Callable[["Machine"], int]
END = -1


class Machine:
    """The state of one rendering."""

    __slots__ = ("calls", "dot", "limits", "out", "room", "today", "vars")

    def __init__(self, limits: Limits, today: date | None) -> None:
        self.limits, self.today = limits, today
        self.out: list[str] = []
        self.room = limits.output
        self.dot: Value = None
        self.vars: list[Value] = []
        self.calls: list[tuple[int, list[Value], Value]] = []

    def charge(self, characters: int) -> None:
        """Count text that is made, or bytes that are looked through."""
        self.room -= characters
        if self.room < 0:
            raise TemplateRunError(f"output is longer than {self.limits.output} characters")

    def run(self, code: list[Instruction], start: int) -> str:
        """The output of a program.

        Raises:
            Failure: an error at a place.
            TemplateRunError: a limit is used up.
        """
        at = start
        for _ in range(self.limits.steps):
            at = code[at](self)
            if at < 0:
                return "".join(self.out)
        raise TemplateRunError(f"more than {self.limits.steps} steps")


def failing(place: Place, error: CallError, function: str) -> Failure:
    """What a function refused, with its name."""
    return Failure(f"error calling {function}: {error}", place)
