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
FOREIGN_AT_ONCE = 2  # of programs that requests bring along, so that there is always a thread for the others
_compute = trio.CapacityLimiter(AT_ONCE)
_foreign = trio.CapacityLimiter(FOREIGN_AT_ONCE)
_left: ContextVar[threading.Event | None] = ContextVar("left", default=None)


async def offload(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of a function that computes for long, from a thread.

    A caller that is cancelled does not wait for it; the function finds that out by ``abandoned``.
    """
    return await _run(_compute, partial(function, *args, **kwargs))


async def offload_foreign(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for a function that runs a program of the request's own, a template, which may be made to take long."""
    return await _run(_foreign, partial(function, *args, **kwargs))


async def _run(threads: trio.CapacityLimiter, call: Callable[[], T]) -> T:
    left = threading.Event()
    token = _left.set(left)
    try:
        return await trio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=threads)
    finally:
        left.set()
        _left.reset(token)


def abandoned() -> bool:
    """Within a function that ``offload`` runs: whether nobody waits for its result any more."""
    left = _left.get()
    return left is not None and left.is_set()
