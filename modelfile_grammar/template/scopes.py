"""Which slot of a frame a variable lives in, as Go's run time would find it.

A name may be declared inside parentheses that ``and`` or ``or`` skip. Such a declaration may not have happened
when the name is read, and the one outside it counts then: a lookup gives all slots to try, innermost first.
"""

from __future__ import annotations

from collections import defaultdict

from .errors import TemplateSyntaxError

MOST_UNSURE = 100
"""Declarations in parentheses one template may have; each makes looking up its name slower."""


class Scopes:
    """The declarations in force at one point of one template. Slot 0 is ``$``."""

    def __init__(self) -> None:
        self.size = 0
        self.unsure: list[int] = []
        """Slots of unsure declarations, which each iteration of a loop must forget."""

        self._order: list[str] = []
        self._slots: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
        self.declare("$", sure=True)

    def declare(self, name: str, *, sure: bool) -> int:
        """A slot for a new variable. ``sure`` says that the declaration happens whenever control comes past it."""
        slot = self.reserve()
        self._order.append(name)
        self._slots[name].append((slot, sure))
        if not sure:
            self.unsure.append(slot)
            if len(self.unsure) > MOST_UNSURE:
                raise TemplateSyntaxError(1, f"more than {MOST_UNSURE} variables are declared in parentheses")
        return slot

    def reserve(self) -> int:
        """A slot without a name, for what a loop or a ``with`` has to remember."""
        self.size += 1
        return self.size - 1

    def find(self, name: str) -> list[int]:
        """The slots that may hold the name; empty if it is not declared here."""
        found = []
        for slot, sure in reversed(self._slots[name]):
            found.append(slot)
            if sure:
                break
        return found

    def last(self, count: int) -> list[int]:
        """The slots of the latest declarations, oldest first."""
        names = self._order[len(self._order) - count :]
        return [self._slots[name][-1 - names[i + 1 :].count(name)][0] for i, name in enumerate(names)]

    def mark(self) -> int:
        return len(self._order)

    def leave(self, mark: int) -> None:
        """Forget what was declared since the mark."""
        while len(self._order) > mark:
            self._slots[self._order.pop()].pop()
