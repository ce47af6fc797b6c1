"""Long computations beside the event loop: it serves every client and never computes itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import ParamSpec, TypeVar

import trio

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 4  # threads that compute share one interpreter lock with the event loop, so a few are enough
_compute = trio.CapacityLimiter(AT_ONCE)
_left: ContextVar[threading.Event | None] = ContextVar("left", default=None)


async def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a function that computes for long, from a thread.

    A caller that is cancelled does not wait for it; the function finds that out by ``abandoned``.
    """
    left = threading.Event()
    token = _left.set(left)
    try:
        call = partial(function, *args, **kwargs)
        return await trio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=_compute)
    finally:
        left.set()
        _left.reset(token)


def abandoned() -> bool:
    """Within a function that ``offload`` runs: whether nobody waits for its result any more."""
    left = _left.get()
    return left is not None and left.is_set()
