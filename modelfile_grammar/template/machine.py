"""Runs a compiled template: a list of steps, each a closure that returns where to go on.

Templates that call each other keep their frames on a list of ours, so their depth has nothing to do with Python's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from time import thread_time

from .errors import CallError, TemplateCancelled, TemplateRunError
from .syntax.nodes import Node
from .values import Value


@dataclass(frozen=True, slots=True)
class Limits:
    """What one rendering may use. Beyond it, it fails instead of taking the server along."""

    steps: int = 1_000_000
    """Texts, actions, branches, iterations."""

    output: int = 16 * 1024 * 1024
    """Characters written, and made by functions on the way."""

    depth: int = 1000
    """Templates that are inside each other."""

    seconds: float = 5.0
    """Processor time of the thread that renders, so that a busy machine does not make a prompt fail."""


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


Step = Callable[["Machine"], int]
END = -1
_STEPS_AT_ONCE = 1024  # between two looks at the clock
_CHARACTERS_AT_ONCE = 1 << 18


class Machine:
    """The state of one rendering, which may run several programs, one after another. For one thread only."""

    __slots__ = (
        "_cancelled",
        "_ends",
        "_pause",
        "calls",
        "dot",
        "enough",
        "limits",
        "out",
        "room",
        "steps",
        "today",
        "vars",
    )

    def __init__(self, limits: Limits, today: date | None = None, cancelled: Callable[[], bool] | None = None) -> None:
        """``cancelled`` is asked now and then whether the rendering may stop; it must be quick."""
        self.limits, self.today = limits, today
        self.out: list[str] = []
        self.steps, self.room = limits.steps, limits.output  # what is left
        self._pause = max(self.steps - _STEPS_AT_ONCE, 0)  # of the steps: there, look at the clock
        self.enough = self._next_look()  # of the room: below it, too
        self.dot: Value = None
        self.vars: list[Value] = []
        self.calls: list[tuple[int, list[Value], Value]] = []
        self._cancelled = cancelled
        self._ends = thread_time() + limits.seconds

    def charge(self, characters: int) -> None:
        """Count text that is made, or bytes that are looked through."""
        self.room -= characters
        if self.room < self.enough:
            self.look()

    def look(self) -> None:
        """Stop if too much was written or too much time used, or if nobody waits for the prompt any more."""
        if self.room < 0:
            raise TemplateRunError(f"output is longer than {self.limits.output} characters")
        if thread_time() > self._ends:
            raise TemplateRunError(f"not done after {self.limits.seconds:g} seconds")
        if self._cancelled is not None and self._cancelled():
            raise TemplateCancelled
        self.enough = self._next_look()

    def run(self, code: list[Step], start: int) -> None:
        """Add the output of a program to ``out``.

        Raises:
            Failure: an error at a place.
            TemplateRunError: a limit is used up.
            TemplateCancelled: nobody waits for the prompt any more.
        """
        at = start
        while self.steps > 0:
            for left in range(self.steps - self._pause - 1, -1, -1):
                at = code[at](self)
                if at < 0:
                    self.steps = self._pause + left
                    return
            self.steps = self._pause
            self._pause = max(self.steps - _STEPS_AT_ONCE, 0)
            self.look()
        raise TemplateRunError(f"more than {self.limits.steps} steps")

    def _next_look(self) -> int:
        return max(self.room - _CHARACTERS_AT_ONCE, 0)


def failing(place: Place, error: CallError, function: str) -> Failure:
    """What a function refused, with its name."""
    return Failure(f"error calling {function}: {error}", place)
