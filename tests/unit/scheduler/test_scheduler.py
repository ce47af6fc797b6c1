import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
import trio
import trio.testing
from support.scripted_runner import command
from support.stored_models import header_only, store_model

from pyollama import errors
from pyollama.config import Settings
from pyollama.scheduler import Lease, Options, Scheduler, host_memory
from pyollama.store import Model, Store
from pyollama.wire import runner as wire

# A prompt says what to do; n_vocab tells the process id.
ENGINE = """
send(loaded)
for command in inbox:
    match command:
        case wire.Generate(prompt="die"):
            os.abort()
        case wire.Generate(prompt="no memory"):
            send(wire.Failed(command.id, "no_memory", "out of memory"))
        case wire.Generate(prompt="too long"):
            send(wire.Failed(command.id, "too_long", "", 10, command.n_ctx))
        case wire.Generate():
            said = f"{command.n_ctx} {command.num_predict} {command.truncate}"
            send(wire.Piece(command.id, said), wire.Finished(command.id, "stop", 1, 0, 5, 2, 5))
        case wire.Embed():
            send(wire.Embedded(command.id, [b"\\0" * 4 for text in command.texts], 3))
        case wire.Render():
            send(wire.Rendered(command.id, b'{"prompt": "p"}'))
"""

PLAIN = Options()
MakeModel = Callable[..., Model]


@pytest.fixture(autouse=True)
def plenty_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_memory, "available_bytes", lambda: 64 << 30)
    monkeypatch.setattr("pyollama.scheduler.scheduler.has_gpu", no_gpu)


async def no_gpu() -> bool:
    return False


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Models of different weights, by name."""
    store = Store(tmp_path / "models")
    return lambda name, **keys: store_model(store, name, header_only(general__name=name, **keys))


@pytest.fixture
def model(make_model: MakeModel) -> Model:
    return make_model("tiny")


@asynccontextmanager
async def scheduling(script: str = ENGINE, **settings: object) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(replace(Settings(), **settings), command=command(script))
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        yield scheduler
        nursery.cancel_scope.cancel()


async def text_of(lease: Lease, prompt: str, options: Options = PLAIN, *, shift: bool = True) -> str:
    async with lease.generate(prompt, options, truncate=True, shift=shift) as events:
        return "".join([event.text async for event in events if isinstance(event, wire.Piece)])


async def pid_of(scheduler: Scheduler, model: Model, options: Options = PLAIN, keep_alive: float | None = None) -> int:
    """Use a model for a moment; the process id of its runner."""
    async with scheduler.use(model, options, keep_alive) as lease:
        return lease.info.n_vocab


def users(scheduler: Scheduler) -> int:
    return sum(entry.users for entry in scheduler._loaded.values())


async def until_gone(scheduler: Scheduler, model: Model) -> None:
    for entry in list(scheduler._loaded.values()):
        if entry.model.name == model.name:
            await entry.gone.wait()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - states of several objects, some of them in other processes
        await trio.sleep(0.001)


class Gate:
    """Holds up loads in the runner processes until it is opened for one of them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gate"
        os.mkfifo(self._path)
        self._fd = os.open(self._path, os.O_RDWR)
        self.script = f"send(wire.Loading(0.1))\nos.read(os.open({str(self._path)!r}, os.O_RDONLY), 1)\n" + ENGINE

    def open_for_one(self) -> None:
        os.write(self._fd, b"x")

    def close(self) -> None:
        os.close(self._fd)


@pytest.fixture
def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.close()


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
    store = Store(tmp_path)
    plain = store_model(store, "plain", header_only())
    adapted = store_model(store, "adapted", header_only(), b"adapter")
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, plain) != await pid_of(scheduler, adapted)


async def test_the_lease_passes_the_request_on(model: Model) -> None:
    options = Options(num_ctx=1000)
    async with scheduling() as scheduler, scheduler.use(model, options, None) as lease:
        assert await text_of(lease, "hi", options) == "1000 10000 True"
        assert await text_of(lease, "hi", replace(options, num_predict=7), shift=False) == "1000 7 False"
        assert await lease.embed(["a", "b"], options=options, truncate=True) == ([b"\0" * 4] * 2, 3)
        assert await lease.render(b"{}") == {"prompt": "p"}
        assert lease.load_ns > 0


async def test_a_prompt_that_cannot_be_cut_says_so(model: Model) -> None:
    async with scheduling() as scheduler, scheduler.use(model, PLAIN, None) as lease:
        with pytest.raises(errors.PromptBeyondContext):
            await text_of(lease, "too long", shift=False)
        with pytest.raises(errors.PromptTooLong):
            await text_of(lease, "too long")


async def test_num_parallel_makes_requests_wait_in_order(model: Model) -> None:
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


# --- reloads ---


@pytest.mark.parametrize(
    "later",
    [
        Options(),
        Options(num_ctx=8192),
        Options(num_thread=2),
        Options(num_batch=512),
        Options(temperature=0.0, seed=1, stop=("x",), num_predict=5, num_keep=9),
    ],
)
async def test_options_that_the_loaded_model_can_serve_do_not_reload(model: Model, later: Options) -> None:
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, model) == await pid_of(scheduler, model, later)


@pytest.mark.parametrize(
    "later",
    [
        Options(num_ctx=16384),
        Options(num_thread=1),
        Options(num_batch=64),
        Options(num_gpu=7),
        Options(use_mmap=False),
        Options(use_mlock=True),
        Options(main_gpu=1),
        Options(rope_frequency_base=1e6),
        Options(rope_frequency_scale=0.5),
    ],
)
async def test_explicit_load_options_reload_once(model: Model, later: Options) -> None:
    async with scheduling() as scheduler:
        first = await pid_of(scheduler, model)
        second = await pid_of(scheduler, model, later)
        assert second != first
        assert await pid_of(scheduler, model, later) == second
        assert await pid_of(scheduler, model) == second


async def test_a_reload_waits_for_running_requests_and_keeps_new_ones_out(model: Model) -> None:
    async with scheduling() as scheduler, trio.open_nursery() as nursery:
        pids: list[int] = []

        async def use(options: Options) -> None:
            pids.append(await pid_of(scheduler, model, options))

        async with scheduler.use(model, PLAIN, None) as lease:
            nursery.start_soon(use, Options(num_ctx=16384))
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
                await pid_of(scheduler, model, Options(num_ctx=16384))
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
    async with scheduling(max_loaded_models=2) as scheduler:
        for name in ("b", "a", "c"):
            await pid_of(scheduler, make_model(name))
        assert {row.model.name.model for row in scheduler.loaded()} == {"b", "c"}


async def test_three_models_stay_loaded_where_nothing_is_configured(make_model: MakeModel) -> None:
    async with scheduling() as scheduler:
        for name in ("a", "b", "c", "d"):
            await pid_of(scheduler, make_model(name))
        assert len(scheduler.loaded()) == 3


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
        monkeypatch.setattr(host_memory, "available_bytes", lambda: 0 if scheduler._loaded else 1 << 40)
        await pid_of(scheduler, b)
        assert [row.model.name.model for row in scheduler.loaded()] == ["b"]


async def test_a_model_that_does_not_fit_alone_is_refused(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_memory, "available_bytes", lambda: 1 << 20)
    async with scheduling() as scheduler:
        with pytest.raises(
            errors.NotEnoughMemory, match=r"requires more system memory \(.+ MiB\) than is available \(1"
        ):
            await pid_of(scheduler, model)


async def test_with_a_gpu_the_engine_decides_what_fits(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gpu() -> bool:
        return True

    monkeypatch.setattr(host_memory, "available_bytes", lambda: 1 << 20)
    monkeypatch.setattr("pyollama.scheduler.scheduler.has_gpu", gpu)
    async with scheduling() as scheduler:
        assert await pid_of(scheduler, model)


# --- everything at once ---


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_requests_do_every_one_ends_and_no_process_stays(make_model: MakeModel, seed: int) -> None:
    random = Random(seed)
    models = [make_model(name) for name in ("a", "b", "c", "d")]
    pids: set[int] = set()
    served = 0

    async def request(scheduler: Scheduler, model: Model, patience: float, prompt: str, num_ctx: int | None) -> None:
        nonlocal served
        options = Options(num_ctx=num_ctx)
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
                nursery.start_soon(request, scheduler, *what, random.choice([None, None, 9000]))
        assert served > 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
