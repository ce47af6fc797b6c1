"""Computing beside the event loop."""

from __future__ import annotations

import threading

import trio
import trio.testing

from pyollama.server.offload import abandoned, offload, offload_foreign


async def test_the_result_comes_from_another_thread() -> None:
    assert await offload(threading.get_ident) != threading.get_ident()
    assert await offload(abandoned) is False


async def test_a_function_learns_that_its_caller_has_left() -> None:
    started, learnt = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        while not abandoned():
            threading.Event().wait(0.001)
        learnt.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(offload, work)
        await trio.to_thread.run_sync(started.wait)
        nursery.cancel_scope.cancel()
    assert await trio.to_thread.run_sync(learnt.wait, 10)


async def test_programs_of_requests_keep_only_each_other_waiting() -> None:
    done = threading.Event()
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(offload_foreign, done.wait)
            await trio.testing.wait_all_tasks_blocked()
            assert await offload(threading.get_ident)
            done.set()
