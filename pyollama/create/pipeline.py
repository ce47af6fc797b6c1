"""The steps of a create on worker threads, as an asynchronous stream of status lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import trio

from pyollama.create.progress import Progress


@asynccontextmanager
async def in_threads(steps: Iterator[Progress]) -> AsyncIterator[AsyncIterator[Progress]]:
    """Run each step of ``create(...)`` in a thread: ``async with in_threads(steps) as lines: async for line in lines``.

    Leaving early closes ``steps``, which undoes an unfinished create. A step that runs is waited for: it owns files.
    """

    async def lines() -> AsyncIterator[Progress]:
        while (line := await trio.to_thread.run_sync(next, steps, None)) is not None:
            yield line

    stream = lines()
    try:
        yield stream
    finally:
        with trio.CancelScope(shield=True):
            await stream.aclose()  # type: ignore[attr-defined]  # an asynchronous generator
            await trio.to_thread.run_sync(getattr(steps, "close", lambda: None))
