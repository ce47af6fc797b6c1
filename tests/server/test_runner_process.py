"""The runner process with the real engine and a real model."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio
from support import tiny_models
from support.stored_models import header_only, store_model

from pyollama import errors
from pyollama.config import Settings
from pyollama.runner.client import Runner
from pyollama.runner.devices import list_devices
from pyollama.runner.frames import FrameReader, FrameWriter
from pyollama.scheduler import Lease, Options, Scheduler
from pyollama.scheduler.memory import read_facts
from pyollama.scheduler.options import DEFAULT_SAMPLING
from pyollama.scheduler.plan import make_plan
from pyollama.store import Model, Store
from pyollama.wire import runner as wire

GREEDY = Options(sampling=msgspec.structs.replace(DEFAULT_SAMPLING, temperature=0.0, seed=1))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


@pytest.fixture
def model(store: Store, smollm2: Path) -> Model:
    return store_model(store, "smollm2", smollm2)


@asynccontextmanager
async def scheduling() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(Settings())
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        yield scheduler
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def using(model: Model, options: Options = GREEDY) -> AsyncIterator[Lease]:
    async with scheduling() as scheduler, scheduler.use(model, options, None) as lease:
        yield lease


async def complete(lease: Lease, prompt: str, options: Options) -> tuple[str, wire.Finished]:
    text = ""
    async with lease.generate([prompt], options, truncate=True, shift=True) as events:
        async for event in events:
            if isinstance(event, wire.Finished):
                return text, event
            text += event.text
    raise AssertionError("the stream ended without Finished")


def short(n: int = 8) -> Options:
    return replace(GREEDY, num_predict=n)


# --- answers ---


async def test_a_completion_has_text_counts_and_an_end(model: Model) -> None:
    async with using(model) as lease:
        text, finished = await complete(lease, "The capital of France is", short())
    assert 0 < finished.output_tokens <= 8
    assert text
    assert finished.prompt_tokens == 5
    assert finished.output_ns > 0


async def test_completions_at_once_each_get_their_own_answer(store: Store, tmp_path: Path) -> None:
    prompts = ["a", "one d", "two g"]
    together: dict[str, str] = {}
    async with using(store_model(store, "alphabet", tiny_models.alphabet(tmp_path / "a.gguf"))) as lease:

        async def run(prompt: str) -> None:
            together[prompt] = (await complete(lease, prompt, short(3)))[0]

        async with trio.open_nursery() as nursery:
            for prompt in prompts:
                nursery.start_soon(run, prompt)
    assert together == {"a": "bcd", "one d": "efg", "two g": "hij"}


async def test_tokens_turn_into_their_text_again(model: Model) -> None:
    async with using(model) as lease:
        [tokens, more] = await lease.tokenize([["Hello, world!"], ["more"]])
        assert await lease.count([["Hello, world!"], ["more"]]) == [len(tokens), len(more)]
        assert await lease.detokenize(tokens) == "Hello, world!"
        assert more
        with pytest.raises(errors.EngineRefused) as refused:
            await lease.detokenize([10**7])
    assert refused.value.status == 400


async def test_a_chat_is_rendered_with_the_files_template(model: Model) -> None:
    request = {"messages": [{"role": "user", "content": "Hi there"}], "add_generation_prompt": True}
    async with using(model) as lease:
        rendered = await lease.render(json.dumps(request).encode())
        with pytest.raises(errors.EngineRefused):
            await lease.render(b"not json")
        assert await lease.tokenize([["still alive"]])
    assert "Hi there" in "".join(rendered["prompt"])


async def test_vectors_have_length_one(model: Model) -> None:
    import array

    async with using(model) as lease:
        vectors, tokens = await lease.embed(["a cat", "a dog"], options=GREEDY, truncate=True)
    assert tokens == 4
    for vector in vectors:
        assert math.isclose(sum(x * x for x in array.array("f", vector)), 1.0, rel_tol=1e-3)


async def test_a_prompt_that_does_not_fit_tells_both_lengths(model: Model) -> None:
    options = Options(num_ctx=16)
    async with using(model, options) as lease:
        with pytest.raises(errors.PromptTooLong) as refused:
            async with lease.generate(["word " * 100], options, truncate=False, shift=True) as events:
                await events.receive()
        with pytest.raises(errors.InputTooLong):
            await lease.embed(["word " * 100], options=options, truncate=False)
    assert refused.value.n_ctx == 16
    assert refused.value.n_tokens >= 100


async def test_leaving_a_stream_stops_the_engine(model: Model) -> None:
    async with using(model) as lease:
        async with lease.generate(["Once upon a time"], Options(num_predict=-1), truncate=True, shift=True) as events:
            await events.receive()
        with trio.fail_after(30):  # a runaway would take 40,000 tokens
            text, _ = await complete(lease, "The capital of France is", short())
    assert "Paris" in text


async def test_the_rope_frequency_of_one_request_does_not_stay_for_others(model: Model) -> None:
    """C5: that of the example of 2023 turns every answer into noise; here it costs its own request only."""
    noisy = replace(short(), rope_frequency_base=1.1)
    texts: list[str] = []
    async with scheduling() as scheduler:
        for options in (short(), noisy, short()):
            async with scheduler.use(model, options, None) as lease:
                texts.append((await complete(lease, "The capital of France is", options))[0])
    assert texts[0] == texts[2] != texts[1]


async def test_a_context_beyond_the_pool_is_served_by_the_same_process(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A171, C2: the pool grows while the model stays, and the memory limit with it."""
    monkeypatch.setattr("pyollama.scheduler.plan.SMALLEST_POOL", 512)
    small, large = replace(short(), num_ctx=256), replace(short(2), num_ctx=8192)
    async with scheduling() as scheduler:
        async with scheduler.use(model, small, None) as lease:
            await complete(lease, "The capital of France is", small)
        pids = scheduler.pids()
        async with scheduler.use(model, large, None) as lease:
            _, finished = await complete(lease, "word " * 1500, large)
        assert scheduler.pids() == pids
    assert finished.prompt_tokens > 1500


# --- the process ---


async def test_loading_reports_progress_and_sizes(smollm2: Path) -> None:
    plan = make_plan(read_facts([smollm2], []), Options(), Settings(), math.inf)
    runner = Runner(plan.spec, name="smollm2")
    async with trio.open_nursery() as nursery:
        info = await nursery.start(runner.run)
        nursery.cancel_scope.cancel()
    assert info.n_ctx_train == 8192
    assert info.n_cells >= 4096
    assert info.n_threads > 0
    assert smollm2.stat().st_size < info.size


@pytest.mark.parametrize(
    ("options", "flash"),
    [
        (Options(), None),
        (Options(num_batch=2048), None),
        (Options(num_batch=2048), False),
        (Options(num_ctx=8192, num_batch=512), False),
        (Options(num_ctx=100, num_batch=1), True),
    ],
)
async def test_the_estimate_is_near_the_truth_and_not_below(
    smollm2: Path, options: Options, flash: bool | None
) -> None:
    """C7: whatever the context, the batch and the kind of attention."""
    plan = make_plan(read_facts([smollm2], []), options, Settings(flash_attention=flash), math.inf)
    runner = Runner(msgspec.structs.replace(plan.spec, n_cells_start=0), name="smollm2")  # the pool when it has grown
    async with trio.open_nursery() as nursery:
        info = await nursery.start(runner.run)
        nursery.cancel_scope.cancel()
    assert info.size * 0.98 <= plan.needed <= info.size * 1.3


LOOPS = "{% for a in range(9999) %}" * 3 + "{{ a }}" + "{% endfor %}" * 3
CHAT = b'{"messages": [{"role": "user", "content": "hi"}]}'


@asynccontextmanager
async def running_with_template(tmp_path: Path, template: str, **spec: object) -> AsyncIterator[Runner]:
    weights = tiny_models.sliding_window(tmp_path / "model.gguf", chat_template=template)
    plan = make_plan(read_facts([weights], []), Options(), Settings(), math.inf)
    runner = Runner(msgspec.structs.replace(plan.spec, **spec), name="model")
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(runner.run)
            yield runner
            nursery.cancel_scope.cancel()


async def test_a_chat_template_that_loops_for_ever_costs_only_its_request(tmp_path: Path) -> None:
    async with running_with_template(tmp_path, LOOPS, render_seconds=0.5) as runner:
        with pytest.raises(errors.EngineRefused, match="chat template did not end in time"):
            await runner.render(CHAT)
        assert await runner.tokenize([["still alive"]])


async def test_a_rendering_whose_client_left_is_stopped_at_once(tmp_path: Path) -> None:
    """Nothing else is rendered or tokenised until it has ended."""
    async with running_with_template(tmp_path, LOOPS, render_seconds=3600) as runner:
        with trio.move_on_after(0.2):
            await runner.render(CHAT)
        assert await runner.tokenize([["still alive"]])


async def test_a_request_that_left_before_its_turn_is_not_rendered(tmp_path: Path) -> None:
    async with running_with_template(tmp_path, LOOPS, render_seconds=2) as runner, trio.open_nursery() as nursery:

        async def first() -> None:
            with pytest.raises(errors.EngineRefused):
                await runner.render(CHAT)

        nursery.start_soon(first)
        for _ in range(100):  # each would take 2 s
            with trio.move_on_after(0):
                await runner.render(CHAT)
        assert await runner.tokenize([["still alive"]])


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
async def test_the_memory_limit_is_never_in_the_way_of_work(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """C2: more requests than the pool holds, so that some are parked, embeddings beside them, and half the margin."""
    monkeypatch.setattr("pyollama.scheduler.plan.LIMIT_MARGIN", 256 << 20)
    monkeypatch.setattr("pyollama.scheduler.plan.SMALLEST_POOL", 512)
    options = replace(GREEDY, num_ctx=256, num_predict=48)
    ended: list[str] = []
    async with using(model, options) as lease, trio.open_nursery() as nursery:

        async def ask(number: int) -> None:
            _, finished = await complete(lease, f"Number {number}. " + "One two three four. " * 20, options)
            ended.append(finished.reason)

        for number in range(6):
            nursery.start_soon(ask, number)
        await lease.embed(["word " * 50] * 4, options=options, truncate=True)
    assert len(ended) == 6
    assert set(ended) <= {"stop", "length"}


DOUBLES = "{% set n = namespace(x='aaaa') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x }}"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
async def test_a_chat_template_that_takes_all_memory_ends_within_the_runners_limit(tmp_path: Path) -> None:
    """C2"""
    weights = tiny_models.sliding_window(tmp_path / "doubles.gguf", chat_template=DOUBLES)
    plan = make_plan(read_facts([weights], []), Options(), Settings(), math.inf)
    plan.spec.memory_limit = 256 << 20
    runner = Runner(plan.spec, name="doubles")

    async def run(*, task_status: trio.TaskStatus[wire.Loaded]) -> None:
        with suppress(errors.RunnerLost):
            await runner.run(task_status=task_status)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            await nursery.start(run)
            with pytest.raises((errors.EngineRefused, errors.RunnerLost, errors.TemplateError)) as refused:
                await runner.render(b'{"messages": [{"role": "user", "content": "hi"}]}')
            assert str(refused.value)
            nursery.cancel_scope.cancel()


def test_the_runner_gives_a_sign_of_life_when_asked(smollm2: Path) -> None:
    """C15"""
    command = [sys.executable, "-m", "pyollama.runner.child", str(os.getpid())]
    writer, reader = FrameWriter(), FrameReader()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        for frame in (wire.LoadSpec([str(smollm2)]), wire.Ping()):
            process.stdin.write(writer.frame(frame))
        process.stdin.flush()
        events: list[wire.Event] = []
        while wire.Pong() not in events:
            for content in reader.feed(os.read(process.stdout.fileno(), 1 << 16)):
                events += msgspec.msgpack.decode(content, type=list[wire.Event])
        process.kill()


async def test_a_killed_runner_fails_its_requests_and_is_replaced(model: Model) -> None:
    async with scheduling() as scheduler:
        async with scheduler.use(model, GREEDY, None) as lease:
            with pytest.raises(errors.RunnerLost, check=lambda error: "killed by SIGKILL" in error.cause):
                async with lease.generate(["Once"], Options(), truncate=True, shift=True) as events:
                    await events.receive()
                    os.kill(scheduler.pids()[0], signal.SIGKILL)
                    while True:
                        await events.receive()
        async with scheduler.use(model, GREEDY, None) as lease:
            text, _ = await complete(lease, "The capital of France is", short())
    assert "Paris" in text


async def test_the_runner_ignores_an_interrupt_from_the_terminal(model: Model) -> None:
    async with scheduling() as scheduler, scheduler.use(model, GREEDY, None) as lease:
        os.kill(scheduler.pids()[0], signal.SIGINT)
        text, _ = await complete(lease, "The capital of France is", short())
    assert "Paris" in text


async def test_a_file_that_the_engine_refuses_says_why(store: Store) -> None:
    broken = store_model(store, "broken", header_only())
    async with scheduling() as scheduler:
        with pytest.raises(errors.LoadFailed, match=r"failed to load model: .+; the file may be damaged"):
            async with scheduler.use(broken, GREEDY, None):
                pass


async def test_a_load_that_cannot_be_as_asked_says_so_and_blames_no_file(smollm2: Path) -> None:
    settings = Settings(flash_attention=False, kv_cache_type="q8_0")
    plan = make_plan(read_facts([smollm2], []), Options(), settings, math.inf)
    with pytest.raises(errors.LoadRefused, match=r"failed to load model: .*flash"):
        await Runner(plan.spec, name="smollm2").run()


async def test_an_architecture_that_the_engine_does_not_know_is_named(store: Store, tmp_path: Path) -> None:
    """C10: the file is sound, so it was stored."""
    weights = header_only(general__architecture="marmot")
    async with scheduling() as scheduler:
        with pytest.raises(errors.UnknownArchitecture, match='does not know the architecture "marmot"'):
            async with scheduler.use(store_model(store, "marmot", weights), GREEDY, None):
                pass


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
@pytest.mark.parametrize("mib", [96, 160])
async def test_a_load_beyond_the_memory_limit_says_so(smollm2: Path, mib: int) -> None:
    """C2, C7: the pool alone is 180 MiB."""
    plan = make_plan(read_facts([smollm2], []), Options(), Settings(), math.inf)
    plan.spec.memory_limit = mib << 20
    with pytest.raises(errors.LoadOutOfMemory, match="requires more system memory than is available"):
        await Runner(plan.spec, name="smollm2").run()


async def test_the_devices_of_this_machine_are_asked_of_another_process() -> None:
    assert "cpu" in {device["kind"] for device in await list_devices()}
