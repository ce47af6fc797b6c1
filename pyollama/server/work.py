"""Long work with progress: a generator that runs in a thread beside the answer that reports on it.

The thread never waits for the client: what it reports is kept until it is taken, and of neighbours that replace each
other only the last. It stops at its next step once the request is cancelled, and the generator undoes what it began.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import trio

from pyollama.errors import InternalError, PyollamaError, ServerStopping

T = TypeVar("T")

AT_ONCE = 8  # works at a time, in threads of their own: others than those that all requests share

log = logging.getLogger("pyollama.server")


class Work(Generic[T]):
    """The reports of work that ``Works.begin`` began."""

    def __init__(self, replaces: Callable[[T, T], bool], threads: trio.CapacityLimiter) -> None:
        self._replaces = replaces
        self._threads = threads
        self._scope = trio.CancelScope()
        self._reports: deque[T] = deque()
        self._changed = trio.Event()
        self._ended = False
        self._error: PyollamaError | None = None

    async def next(self) -> T | None:
        """The next report, None after the last. PyollamaError: the work failed."""
        while not self._reports:
            if self._error:
                raise self._error
            if self._ended:
                return None
            self._changed = trio.Event()
            await self._changed.wait()
        return self._reports.popleft()

    async def last(self) -> T | None:
        """The last report. PyollamaError: the work failed."""
        last = None
        while (report := await self.next()) is not None:
            last = report
        return last

    async def run(self, steps: Generator[T, None, None]) -> None:
        """Take all steps; a PyollamaError is kept for whoever takes the reports."""
        try:
            with self._scope:
                await trio.to_thread.run_sync(self._take, steps, limiter=self._threads)
        except PyollamaError as error:
            self._error = error
        except Exception:
            log.exception("work failed")
            self._error = InternalError()
        finally:
            self._ended = True
            self._changed.set()

    def stop(self, error: PyollamaError) -> None:
        """Undo what was begun; ``error`` is what comes after the reports."""
        self._error = error
        self._scope.cancel()

    def _take(self, steps: Generator[T, None, None]) -> None:
        try:
            for report in steps:
                trio.from_thread.check_cancelled()
                trio.from_thread.run_sync(self._post, report)
        finally:
            steps.close()

    def _post(self, report: T) -> None:
        if self._reports and self._replaces(self._reports[-1], report):
            self._reports.pop()
        self._reports.append(report)
        self._changed.set()


class Works:
    """All works of one server."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(AT_ONCE)
        self._running: set[Work[Any]] = set()

    @asynccontextmanager
    async def begin(self, steps: Generator[T, None, None], replaces: Callable[[T, T], bool]) -> AsyncIterator[Work[T]]:
        """Take the steps while the block runs; leaving it early stops them and waits until they are undone.

        ``replaces(old, new)``: whether a report that nobody took yet has become pointless.
        """
        work = Work(replaces, self._threads)
        self._running.add(work)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(work.run, steps)
                yield work
                nursery.cancel_scope.cancel()
        finally:
            self._running.remove(work)

    def stop(self) -> None:
        """End every work with ServerStopping: the server will be gone in a moment."""
        for work in self._running:
            work.stop(ServerStopping())
