"""Which slot of a frame a variable lives in, as Go's run time would find it.

A name may be declared inside parentheses that ``and`` or ``or`` skip. Such a declaration may not have happened
when the name is read, and the one outside it counts then: a lookup gives all slots to try, innermost first.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Scopes:
    """The declarations in force at one point of one template. Slot 0 is ``$``."""

    names: list[tuple[str, int, bool]] = field(default_factory=lambda: [("$", 0, True)])
    """Name, slot, and whether the declaration has happened for sure; innermost last."""

    size: int = 1
    unsure: list[int] = field(default_factory=list)
    """Slots of unsure declarations, which each iteration of a loop must forget."""

    def declare(self, name: str, *, sure: bool) -> int:
        slot = self.reserve()
        self.names.append((name, slot, sure))
        if not sure:
            self.unsure.append(slot)
        return slot

    def reserve(self) -> int:
        """A slot without a name, for what a loop or a ``with`` has to remember."""
        self.size += 1
        return self.size - 1

    def find(self, name: str) -> list[int]:
        """The slots that may hold the name; empty if it is not declared here."""
        found = []
        for known, slot, sure in reversed(self.names):
            if known == name:
                found.append(slot)
                if sure:
                    break
        return found

    def mark(self) -> int:
        return len(self.names)

    def leave(self, mark: int) -> None:
        del self.names[mark:]
