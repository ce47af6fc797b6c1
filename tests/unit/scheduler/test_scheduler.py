import math
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
import trio.testing
from support.scheduling import PLAIN, Gate, MakeModel, pid_of, scheduling, text_of, until, until_gone, users
from support.stored_models import header_only, store_model

from pyollama import errors
from pyollama.scheduler import Options, Scheduler
from pyollama.store import Model, Store

# --- one model ---


async def test_a_second_request_uses_the_loaded_model(model: Model) -> None:
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, model) == await pid_of(scheduler, model)


async def test_requests_at_once_share_one_load(model: Model, gate: Gate) -> None:
    async with scheduling(gate.script) as scheduler, trio.open_nursery() as nursery:
        pids: list[int] = []

        async def use() -> None:
            pids.append(await pid_of(scheduler, model))

        for _ in range(3):
            nursery.start_soon(use)
        await until(lambda: users(scheduler) == 3)
        gate.open_for_one()
    assert len(pids) == 3
    assert len(set(pids)) == 1


async def test_copies_of_a_model_share_a_process(tmp_path: Path) -> None:
    store = Store(tmp_path)
    one, other = (store_model(store, name, header_only()) for name in ("one", "other"))
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, one) == await pid_of(scheduler, other)
        assert [row.model.name.model for row in scheduler.loaded()] == ["other"]


async def test_another_adapter_is_another_process(tmp_path: Path) -> None:
    """A434"""
    store = Store(tmp_path)
    plain = store_model(store, "plain", header_only())
    adapted = store_model(store, "adapted", header_only(), header_only(general__type="adapter"))
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, plain) != await pid_of(scheduler, adapted)


async def test_what_waits_to_be_sent_counts_until_its_request_is_left(model: Model) -> None:
    """B10: the process has stopped reading, as one that is busy."""
    async with scheduling("send(loaded)\nimport time\ntime.sleep(3600)") as scheduler:
        async with scheduler.use(model, PLAIN, None) as lease:
            (before,) = scheduler.loaded()
            async with lease.generate(["x" * 5_000_000], PLAIN, truncate=True, shift=True):  # fills the pipe
                await trio.testing.wait_all_tasks_blocked(0.05)
                async with lease.generate(["y" * 5_000_000], PLAIN, truncate=True, shift=True):
                    (queued,) = scheduler.loaded()
                    assert queued.size > before.size + 4_000_000
                (after,) = scheduler.loaded()
                assert after.size < before.size + 100_000


async def test_the_lease_passes_the_request_on(model: Model) -> None:
    options = Options(num_ctx=1000)
    async with scheduling() as scheduler, scheduler.use(model, options, None) as lease:
        assert await text_of(lease, "hi", options) == "1000 -1 True"
        assert await text_of(lease, "hi", replace(options, num_predict=7), shift=False) == "1000 7 False"
        assert await lease.embed(["a", "b"], options=options, truncate=True) == ([b"\0" * 4] * 2, 3)
        assert await lease.render(b"{}") == {"prompt": ["p"]}


async def test_a_prompt_that_cannot_be_cut_says_so(model: Model) -> None:
    async with scheduling() as scheduler, scheduler.use(model, PLAIN, None) as lease:
        with pytest.raises(errors.PromptBeyondContext):
            await text_of(lease, "too long", shift=False)
        with pytest.raises(errors.PromptTooLong):
            await text_of(lease, "too long")


async def test_num_parallel_makes_requests_wait_in_order(model: Model) -> None:
    """A168"""
    order: list[int] = []
    async with scheduling(num_parallel=1) as scheduler:
        async with trio.open_nursery() as nursery:

            async def use(number: int) -> None:
                async with scheduler.use(model, PLAIN, None):
                    order.append(number)

            async with scheduler.use(model, PLAIN, None):
                for number in range(3):
                    nursery.start_soon(use, number)
                    await trio.testing.wait_all_tasks_blocked()
                assert order == []
    assert order == [0, 1, 2]


# --- death ---


async def test_a_dead_runner_is_replaced_at_the_next_request(model: Model) -> None:
    async with scheduling() as scheduler:
        async with scheduler.use(model, PLAIN, None) as lease:
            first = lease.info.n_vocab
            with pytest.raises(errors.RunnerLost, check=lambda error: "killed by SIGABRT" in error.cause):
                await text_of(lease, "die")
        async with scheduler.use(model, PLAIN, None) as lease:
            assert lease.info.n_vocab != first
            assert await text_of(lease, "hi")


async def test_a_dead_runner_is_replaced_even_while_others_still_hold_it(model: Model) -> None:
    async with scheduling() as scheduler:
        async with scheduler.use(model, PLAIN, None) as lease:
            os.kill(lease.info.n_vocab, 9)
            with pytest.raises(errors.RunnerLost, check=lambda error: "killed by SIGKILL" in error.cause):
                while True:
                    await text_of(lease, "hi")
            async with scheduler.use(model, PLAIN, None) as fresh:
                assert await text_of(fresh, "hi")


async def test_no_process_is_left_when_the_scheduler_ends(make_model: MakeModel) -> None:
    async with scheduling() as scheduler:
        pids = [await pid_of(scheduler, make_model(name)) for name in ("a", "b")]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


# --- keep-alive ---


async def test_a_model_expires_after_its_last_use(model: Model, mock_clock: trio.testing.MockClock) -> None:
    async with scheduling(keep_alive=100.0) as scheduler:
        first = await pid_of(scheduler, model)
        mock_clock.jump(99)
        assert await pid_of(scheduler, model) == first
        mock_clock.jump(99)
        assert len(scheduler.loaded()) == 1
        mock_clock.jump(2)
        assert scheduler.loaded() == []
        await until_gone(scheduler, model)
        assert await pid_of(scheduler, model) != first


async def test_a_model_in_use_does_not_expire(model: Model, mock_clock: trio.testing.MockClock) -> None:
    async with scheduling(keep_alive=100.0) as scheduler:
        async with scheduler.use(model, PLAIN, None) as lease:
            mock_clock.jump(1000)
            assert await text_of(lease, "hi")


async def test_the_keep_alive_of_a_request_stays_until_another_one(
    model: Model, mock_clock: trio.testing.MockClock
) -> None:
    async with scheduling(keep_alive=100.0) as scheduler:
        first = await pid_of(scheduler, model, keep_alive=math.inf)
        mock_clock.jump(1e9)
        assert await pid_of(scheduler, model) == first
        assert (scheduler.loaded()[0].expires_at - datetime.now(UTC)).days > 290 * 365
        await pid_of(scheduler, model, keep_alive=5)
        mock_clock.jump(6)
        assert scheduler.loaded() == []


async def test_keep_alive_zero_unloads_after_the_request(model: Model) -> None:
    async with scheduling() as scheduler:
        await pid_of(scheduler, model, keep_alive=0)
        assert scheduler.loaded() == []
        await until_gone(scheduler, model)


async def test_unloading_waits_for_the_running_request(model: Model) -> None:
    async with scheduling() as scheduler:
        async with scheduler.use(model, PLAIN, None) as lease:
            await scheduler.unload(model)
            assert await text_of(lease, "hi")
            assert len(scheduler.loaded()) == 1
        assert scheduler.loaded() == []


async def test_a_server_that_stops_ends_requests_that_run_or_wait(make_model: MakeModel, gate: Gate) -> None:
    """C15"""
    unanswered = Options(num_keep=999)
    script = gate.script.replace(
        "    match command:", "    if getattr(command, 'num_keep', 0) == 999: continue\n    match command:"
    )
    ended: list[str] = []

    async def ask(scheduler: Scheduler, model: Model) -> None:
        with pytest.raises(errors.ServerStopping):
            async with scheduler.use(model, PLAIN, None) as lease:
                async with lease.generate("hi", unanswered, truncate=True, shift=True) as events:
                    ended.append("runs")
                    await events.receive()
        ended.append("ended")

    async with scheduling(script) as scheduler, trio.open_nursery() as nursery:
        nursery.start_soon(ask, scheduler, make_model("running"))
        gate.open_for_one()
        await until(lambda: ended == ["runs"])
        nursery.start_soon(ask, scheduler, make_model("loading"))
        await until(lambda: len(scheduler.loaded()) == 2)
        scheduler.stop()
    assert ended == ["runs", "ended", "ended"]


async def test_unloading_what_is_not_loaded_is_no_error(model: Model) -> None:
    async with scheduling() as scheduler:
        await scheduler.unload(model)


async def test_out_of_memory_expires_every_model(make_model: MakeModel) -> None:
    async with scheduling() as scheduler:
        idle = make_model("idle")
        await pid_of(scheduler, idle)
        async with scheduler.use(make_model("busy"), PLAIN, None) as lease:
            with pytest.raises(errors.EngineRefused, match="out of memory"):
                await text_of(lease, "no memory")
            assert [row.model.name.model for row in scheduler.loaded()] == ["busy"]
        assert scheduler.loaded() == []
