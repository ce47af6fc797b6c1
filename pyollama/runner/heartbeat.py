"""Whether a process is still there: one that is stopped, or swapped out for good, says nothing and never ends."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

QUIET_SECONDS = 5.0  # without a word before it is asked
PATIENCE_SECONDS = 30.0  # for its answer; it does not depend on what the engine computes


class Heartbeat:
    """Asks a process that has work and is quiet for a sign of life.

    Any frame is one. A long computation is quiet too, so silence alone says nothing: the process is asked, and answers
    from a thread that never computes.
    """

    def __init__(
        self,
        ask: Callable[[], None],
        has_work: Callable[[], bool],
        *,
        quiet: float = QUIET_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._ask = ask
        self._has_work = has_work
        self._quiet = quiet
        self._patience = patience
        self._heard_at = -math.inf
        self._heard = trio.Event()

    def heard(self) -> None:
        """Something came."""
        self._heard_at = trio.current_time()
        self._heard.set()

    async def watch(self) -> None:
        """Returns when the process has not answered in time."""
        while True:
            await trio.sleep(self._quiet / 2)
            is_quiet = trio.current_time() - self._heard_at >= self._quiet
            if is_quiet and self._has_work() and not await self._answers():
                return

    async def _answers(self) -> bool:
        self._heard = trio.Event()
        self._ask()
        with trio.move_on_after(self._patience):
            await self._heard.wait()
        return self._heard.is_set()
