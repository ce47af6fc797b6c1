"""Work in a thread beside its answer: nobody waits for a slow client, and a client that leaves stops the work."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest
import trio
import trio.testing

from pyollama.errors import CreateError, InternalError, ServerStopping
from pyollama.server.work import Works

Report = tuple[str, int]


def replaces(old: Report, new: Report) -> bool:
    return old[0] == new[0]


class Steps:
    """Reports, and what became of the generator that gave them."""

    def __init__(self, *reports: Report | Exception) -> None:
        self.reports = reports
        self.ended = threading.Event()
        self.undone = False

    def __call__(self) -> Generator[Report, None, None]:
        try:
            for report in self.reports:
                if isinstance(report, Exception):
                    raise report
                yield report
        except GeneratorExit:
            self.undone = True
            raise
        finally:
            self.ended.set()


def endless(ended: threading.Event) -> Generator[Report, None, None]:
    try:
        number = 0
        while True:
            number += 1
            yield ("copying", number)
    finally:
        ended.set()


async def test_every_report_arrives_in_order() -> None:
    steps = Steps(("a", 1), ("b", 1), ("c", 1))
    async with Works().begin(steps(), replaces) as work:
        assert [await work.next() for _ in range(4)] == [("a", 1), ("b", 1), ("c", 1), None]
    assert not steps.undone


async def test_b6_the_work_ends_though_nobody_reads_and_little_is_kept() -> None:
    steps = Steps(("start", 0), *(("copying", number) for number in range(1000)), ("end", 0))
    async with Works().begin(steps(), replaces) as work:
        assert await trio.to_thread.run_sync(steps.ended.wait, 30)
        assert [await work.next() for _ in range(4)] == [("start", 0), ("copying", 999), ("end", 0), None]


async def test_leaving_stops_the_work_and_undoes_it() -> None:
    ended = threading.Event()
    async with Works().begin(endless(ended), replaces) as work:
        await work.next()
    assert ended.is_set()


async def test_b6_cancelling_stops_the_work_and_undoes_it() -> None:
    ended = threading.Event()
    with trio.CancelScope() as scope:
        async with Works().begin(endless(ended), replaces) as work:
            await work.next()
            scope.cancel()
            await trio.sleep_forever()
    assert ended.is_set()


async def test_an_error_comes_after_what_was_reported() -> None:
    async with Works().begin(Steps(("a", 1), CreateError("no"))(), replaces) as work:
        assert await work.next() == ("a", 1)
        with pytest.raises(CreateError, match=r"^no$"):
            await work.next()


async def test_a_bug_is_told_as_one(caplog: pytest.LogCaptureFixture) -> None:
    async with Works().begin(Steps(ZeroDivisionError())(), replaces) as work:
        with pytest.raises(InternalError):
            await work.last()
    assert "ZeroDivisionError" in caplog.text


async def test_the_last_report_of_work_without_any_is_nothing() -> None:
    async with Works().begin(Steps()(), replaces) as work:
        assert await work.last() is None


async def test_b6_works_do_not_take_the_threads_of_other_requests() -> None:
    gate = threading.Event()

    def waiting() -> Generator[Report, None, None]:
        gate.wait(30)
        yield ("done", 1)

    works = Works()
    default = trio.to_thread.current_default_thread_limiter()
    async with trio.open_nursery() as nursery:

        async def one() -> None:
            async with works.begin(waiting(), replaces) as work:
                await work.last()

        for _ in range(50):
            nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        assert default.borrowed_tokens == 0
        gate.set()


async def test_a_server_that_stops_ends_works_with_a_word() -> None:
    ended, works = threading.Event(), Works()
    async with works.begin(endless(ended), replaces) as work:
        await work.next()
        works.stop()
        with pytest.raises(ServerStopping):
            await work.last()
    assert ended.is_set()
