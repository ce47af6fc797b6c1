import math
import os
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import trio
import trio.testing
from support.scheduling import (
    ON_GPU,
    PLAIN,
    Gate,
    MakeModel,
    pid_of,
    scheduling,
    text_of,
    until,
    until_gone,
    users,
)
from support.stored_models import header_only, store_model

from pyollama import errors
from pyollama.scheduler import Options, Scheduler, host_memory
from pyollama.store import Model, Store

# --- reloads ---


@pytest.mark.parametrize(
    "later",
    [
        Options(),
        Options(num_ctx=8192),
        Options(num_ctx=0),
        Options(num_ctx=-5),
        Options(num_thread=4),
        Options(num_batch=512),
        Options(num_batch=2),
        Options(use_mmap=True),
        Options(use_mlock=False),
        Options(num_gpu=7),
        Options(main_gpu=1),
        Options(rope_frequency_base=1e6),
        Options(rope_frequency_scale=0.25),
        Options().merge({}, {"temperature": 0, "seed": 1, "stop": ["x"], "num_predict": 5, "num_keep": 9}),
    ],
)
async def test_options_that_the_loaded_model_can_serve_do_not_reload(make_model: MakeModel, later: Options) -> None:
    """A171, A172, A173. Among them are values that say what holds anyway, and places on GPUs that are not there."""
    model = make_model("m", **{"llama.rope.freq_base": 1e6, "llama.rope.scaling.factor": 4.0})
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, model) == await pid_of(scheduler, model, later)


@pytest.mark.parametrize(
    "asked",
    [
        Options(num_thread=1),
        Options(use_mmap=False),
        Options(use_mlock=True),
        Options(rope_frequency_base=1.1),
        Options(rope_frequency_scale=0.5),
        Options(num_gpu=0),
    ],
)
async def test_a_load_option_holds_for_those_who_name_it_and_no_one_else(model: Model, asked: Options) -> None:
    """A434"""
    async with scheduling(ON_GPU) as scheduler:
        plain = await pid_of(scheduler, model)
        changed = await pid_of(scheduler, model, asked)
        assert changed != plain
        assert await pid_of(scheduler, model, asked) == changed
        assert await pid_of(scheduler, model) != changed


@pytest.mark.parametrize("asked", [Options(num_gpu=7), Options(main_gpu=1)])
async def test_another_place_on_a_gpu_reloads(model: Model, asked: Options) -> None:
    """A434"""
    async with scheduling(ON_GPU) as scheduler:
        assert await pid_of(scheduler, model) != await pid_of(scheduler, model, asked)


async def test_a_larger_batch_reloads_once_and_serves_smaller_ones(model: Model) -> None:
    larger = Options(num_batch=1024)
    async with scheduling() as scheduler:
        first = await pid_of(scheduler, model)
        second = await pid_of(scheduler, model, larger)
        assert second != first
        assert await pid_of(scheduler, model, larger) == second
        assert await pid_of(scheduler, model) == second


async def test_a_larger_context_lets_the_pool_grow_and_the_weights_stay(model: Model) -> None:
    """A171"""
    larger = Options(num_ctx=16384)
    async with scheduling() as scheduler:
        first = await pid_of(scheduler, model)
        async with scheduler.use(model, larger, None) as lease:
            assert lease.info.n_vocab == first
            assert (await text_of(lease, "hi", larger)).startswith("16384 ")
        assert scheduler.loaded()[0].context_length == 16384
        assert await pid_of(scheduler, model) == first


async def test_a_small_batch_of_one_request_does_not_slow_down_the_others(model: Model) -> None:
    """After that the two sorts of requests share a process: neither sends the other one's model away."""
    small = Options(num_batch=2)
    async with scheduling() as scheduler:
        first = await pid_of(scheduler, model, small)
        second = await pid_of(scheduler, model)
        assert second != first
        assert await pid_of(scheduler, model, small) == await pid_of(scheduler, model) == second


async def test_more_threads_than_the_machine_has_are_not_used(model: Model) -> None:
    async with scheduling() as scheduler:
        async with scheduler.use(model, Options(num_thread=512), None) as lease:
            assert lease.info.n_threads == 8
        assert await pid_of(scheduler, model, Options(num_thread=64)) == lease.info.n_vocab


async def test_a_reload_waits_for_running_requests_and_keeps_new_ones_out(model: Model) -> None:
    async with scheduling() as scheduler, trio.open_nursery() as nursery:
        pids: list[int] = []

        async def use(options: Options) -> None:
            pids.append(await pid_of(scheduler, model, options))

        async with scheduler.use(model, PLAIN, None) as lease:
            nursery.start_soon(use, Options(num_batch=1024))
            await until(lambda: not any(entry.is_usable for entry in scheduler._loaded.values()))
            nursery.start_soon(use, PLAIN)
            await until(lambda: scheduler._queued == 1)
            assert await text_of(lease, "hi")
            assert pids == []
    assert pids[0] == pids[1]
    assert pids[0] != lease.info.n_vocab


async def test_a_reload_that_nobody_waits_for_leaves_the_model_alone(model: Model) -> None:
    async with scheduling() as scheduler:
        async with scheduler.use(model, PLAIN, None) as lease:
            with trio.move_on_after(0.05):
                await pid_of(scheduler, model, Options(num_batch=1024))
            async with scheduler.use(model, PLAIN, None) as other:
                assert other.info.n_vocab == lease.info.n_vocab
        assert await pid_of(scheduler, model) == lease.info.n_vocab


async def test_the_context_is_capped_at_what_the_model_was_trained_on(make_model: MakeModel) -> None:
    model = make_model("short", llama__context_length=512)
    options = Options(num_ctx=100_000)
    async with scheduling() as scheduler, scheduler.use(model, options, None) as lease:
        assert (await text_of(lease, "hi", options)).startswith("512 ")
        assert scheduler.loaded()[0].context_length == 512


# --- loading ---


async def test_a_waiter_that_leaves_does_not_stop_the_load_of_others(model: Model, gate: Gate) -> None:
    async with scheduling(gate.script) as scheduler, trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def use_and_leave() -> None:
            with scope:
                await pid_of(scheduler, model)

        nursery.start_soon(use_and_leave)
        await until(lambda: users(scheduler) == 1)
        nursery.start_soon(pid_of, scheduler, model)
        await until(lambda: users(scheduler) == 2)
        scope.cancel()
        await until(lambda: users(scheduler) == 1)
        gate.open_for_one()


async def test_a_load_that_nobody_waits_for_is_cancelled(model: Model, gate: Gate) -> None:
    async with scheduling(gate.script) as scheduler:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pid_of, scheduler, model)
            await until(lambda: len(scheduler.loaded()) == 1)
            nursery.cancel_scope.cancel()
        assert scheduler.loaded() == []
        await until_gone(scheduler, model)


async def test_a_stalled_load_fails_all_who_wait_and_can_be_tried_again(model: Model, gate: Gate) -> None:
    failures: list[errors.LoadStalled] = []
    async with scheduling(gate.script, load_timeout=3.0) as scheduler:
        async with trio.open_nursery() as nursery:

            async def use() -> None:
                with pytest.raises(errors.LoadStalled) as caught:
                    await pid_of(scheduler, model)
                failures.append(caught.value)

            nursery.start_soon(use)
            nursery.start_soon(use)
        assert len(failures) == 2
        gate.open_for_one()
        assert await pid_of(scheduler, model)


@pytest.mark.parametrize("weights", [b"hello, I am text", header_only()[:100]], ids=["text", "truncated"])
async def test_a_broken_file_is_refused_before_a_process_starts(tmp_path: Path, weights: bytes) -> None:
    model = store_model(Store(tmp_path), "bad", weights)
    async with scheduling("os.abort()") as scheduler:
        with pytest.raises(errors.LoadFailed, match=r"failed to load model: sha256-.+\(at byte \d+\)"):
            await pid_of(scheduler, model)


async def test_a_missing_file_is_refused(model: Model) -> None:
    model.model_paths[0].unlink()
    async with scheduling() as scheduler:
        with pytest.raises(errors.LoadFailed, match="No such file"):
            await pid_of(scheduler, model)


async def test_a_full_queue_is_busy(make_model: MakeModel, gate: Gate) -> None:
    async with scheduling(gate.script, max_queue=2) as scheduler:
        async with trio.open_nursery() as nursery:
            model = make_model("one")
            for _ in range(3):  # one loads, two wait
                nursery.start_soon(pid_of, scheduler, model)
            await until(lambda: users(scheduler) == 3)
            with pytest.raises(errors.ServerBusy):
                await pid_of(scheduler, model)
            gate.open_for_one()


# --- several models ---


async def test_models_load_at_the_same_time(make_model: MakeModel, gate: Gate) -> None:
    async with scheduling(gate.script) as scheduler, trio.open_nursery() as nursery:
        for name in ("a", "b"):
            nursery.start_soon(pid_of, scheduler, make_model(name))
        await until(lambda: len(scheduler.loaded()) == 2)
        gate.open_for_one()
        gate.open_for_one()


async def test_the_idle_model_with_the_shortest_keep_alive_makes_room(make_model: MakeModel) -> None:
    async with scheduling(max_loaded_models=3) as scheduler:
        async with scheduler.use(make_model("busy"), PLAIN, 1):
            await pid_of(scheduler, make_model("long"), keep_alive=500)
            await pid_of(scheduler, make_model("short"), keep_alive=50)
            await pid_of(scheduler, make_model("new"), keep_alive=100)
            assert {row.model.name.model for row in scheduler.loaded()} == {"busy", "long", "new"}


async def test_ties_are_broken_by_name(make_model: MakeModel) -> None:
    """A170"""
    async with scheduling(max_loaded_models=2) as scheduler:
        for name in ("b", "a", "c"):
            await pid_of(scheduler, make_model(name))
        assert {row.model.name.model for row in scheduler.loaded()} == {"b", "c"}


@pytest.mark.parametrize(("gpus", "stay"), [(0, 3), (1, 3), (2, 4)])
async def test_three_models_for_each_gpu_stay_loaded_where_nothing_is_configured(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, gpus: int, stay: int
) -> None:
    async def count() -> int:
        return gpus

    monkeypatch.setattr("pyollama.scheduler.scheduler.count_gpus", count)
    async with scheduling() as scheduler:
        for name in ("a", "b", "c", "d"):
            await pid_of(scheduler, make_model(name))
        assert len(scheduler.loaded()) == stay


async def test_eviction_waits_for_a_busy_model(make_model: MakeModel) -> None:
    async with scheduling(max_loaded_models=1) as scheduler, trio.open_nursery() as nursery:
        async with scheduler.use(make_model("busy"), PLAIN, None) as lease:
            nursery.start_soon(pid_of, scheduler, make_model("next"))
            await until(lambda: not any(entry.is_usable for entry in scheduler._loaded.values()))
            assert [row.model.name.model for row in scheduler.loaded()] == ["busy"]
            assert await text_of(lease, "hi")


# --- memory ---


async def test_a_model_that_does_not_fit_beside_another_evicts_it(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = make_model("a"), make_model("b")
    async with scheduling() as scheduler:
        await pid_of(scheduler, a)
        monkeypatch.setattr(host_memory, "available_bytes", lambda: (34 << 20) if scheduler._loaded else 1 << 40)
        await pid_of(scheduler, b)
        assert [row.model.name.model for row in scheduler.loaded()] == ["b"]


async def test_a_model_that_does_not_fit_alone_is_refused(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A174"""
    monkeypatch.setattr(host_memory, "available_bytes", lambda: 1 << 20)
    async with scheduling() as scheduler:
        with pytest.raises(
            errors.NotEnoughMemory, match=r"requires more system memory \(.+ MiB\) than is available \(1"
        ):
            await pid_of(scheduler, model)


async def test_a_request_that_can_never_fit_sends_nobody_away(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B4: neither other models nor its own, which could have gone on serving smaller requests."""
    a, b = make_model("a"), make_model("b", llama__context_length=2**31 - 1)
    async with scheduling() as scheduler:
        pids = [await pid_of(scheduler, model) for model in (a, b)]
        monkeypatch.setattr(host_memory, "available_bytes", lambda: 2 << 30)
        for options in (Options(num_ctx=2**31 - 1), Options(num_ctx=131072, num_batch=2_000_000_000)):
            with pytest.raises(errors.NotEnoughMemory):
                await pid_of(scheduler, b, options)
        assert [await pid_of(scheduler, model) for model in (a, b)] == pids


async def test_a_load_that_runs_out_of_memory_says_so(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """C7: the plan was wrong, and the process met the limit that it was given."""
    monkeypatch.setattr(host_memory, "available_bytes", lambda: 1 << 50)
    script = 'send(wire.LoadFailed("failed to allocate buffer for kv cache", "no_memory"))\nfor command in inbox: pass'
    async with scheduling(script) as scheduler:
        with pytest.raises(errors.NotEnoughMemory, match=r"memory \(more than (.+)\) than is available \(\1\)"):
            await pid_of(scheduler, model)


async def test_with_a_gpu_the_engine_decides_what_fits(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    async def one() -> int:
        return 1

    monkeypatch.setattr(host_memory, "available_bytes", lambda: 1 << 20)
    monkeypatch.setattr("pyollama.scheduler.scheduler.count_gpus", one)
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, model)


# --- everything at once ---


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_requests_do_every_one_ends_and_no_process_stays(make_model: MakeModel, seed: int) -> None:
    random = Random(seed)
    models = [make_model(name) for name in ("a", "b", "c", "d")]
    pids: set[int] = set()
    served = 0

    async def request(scheduler: Scheduler, model: Model, patience: float, prompt: str, num_thread: int | None) -> None:
        nonlocal served
        options = Options(num_thread=num_thread)
        with trio.move_on_after(patience), suppress(errors.RunnerLost):
            async with scheduler.use(model, options, random.choice([None, 0, 0.05, math.inf])) as lease:
                pids.add(lease.info.n_vocab)
                assert len(scheduler.pids()) <= 2
                assert await text_of(lease, prompt, options)
                served += 1

    async with scheduling(max_loaded_models=2) as scheduler:
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                what = (random.choice(models), random.choice([0.01, 0.1, 60]), random.choice(["hi", "hi", "hi", "die"]))
                nursery.start_soon(request, scheduler, *what, random.choice([None, None, 1]))
        assert served > 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
