"""How much of request bodies is kept in memory: a limit for each, and one for all that are under way."""

from __future__ import annotations

from pyollama.errors import BodyTooLarge, TooManyBodies

EXTENSION = "pyollama.intake"  # where an application keeps its own


class Intake:
    """The bodies of one server. A body counts from its first byte to the end of its request's answer."""

    def __init__(self, limit: int, total: int) -> None:
        """``limit``: bytes of one body. ``total``: bytes of all, at least ``limit``."""
        self.limit = limit
        self.total = max(limit, total)
        self.held = 0

    def check(self, size: int) -> None:
        """Whether a body of ``size`` bytes is accepted at all. BodyTooLarge."""
        if size > self.limit:
            raise BodyTooLarge(self.limit)

    def take(self, n_more: int, size: int) -> None:
        """Count ``n_more`` bytes of a body that has ``size`` with them.

        Raises:
            BodyTooLarge, TooManyBodies: nothing was counted.
        """
        self.check(size)
        if self.held + n_more > self.total:
            raise TooManyBodies
        self.held += n_more

    def give_back(self, size: int) -> None:
        self.held -= size
