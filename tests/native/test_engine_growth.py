"""A KV pool that starts small and grows under its requests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import tiny_models
from support.engine import TestedEngine

from pyollama.wire import runner as wire

MOST = 1024
PROMPT = "".join(f"word{number}" for number in range(20))  # 131 tokens and BOS
OTHER = "".join(f"other{number}" for number in range(90))


def opened(path: Path, start: int) -> TestedEngine:
    return TestedEngine(str(path), n_ctx=MOST, n_cells=MOST, n_cells_start=start, n_batch=128, n_seq_max=8)


@pytest.fixture(params=["sliding_window", "recurrent"], scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = getattr(tiny_models, request.param)(tmp_path_factory.mktemp("growth") / "model.gguf")
    return path


@pytest.fixture
def small(model: Path) -> Iterator[TestedEngine]:
    with opened(model, 256) as engine:
        yield engine


def sizes(engine: TestedEngine) -> list[int]:
    return [engine.loaded.size, *(event.size for event in engine.log if isinstance(event, wire.Resized))]


def test_the_pool_takes_what_it_needs(tmp_path: Path) -> None:
    path = tiny_models.sliding_window(tmp_path / "model.gguf")
    with opened(path, 256) as small, opened(path, 0) as whole:
        assert small.loaded.n_cells == whole.loaded.n_cells == MOST
        assert small.loaded.size < whole.loaded.size
        small.complete("short", num_predict=4)
        assert len(sizes(small)) == 1

        small.complete(OTHER, n_ctx=MOST, num_predict=4)

        assert small.loaded.size < sizes(small)[-1] <= whole.loaded.size


def test_an_answer_goes_on_in_a_larger_pool(model: Path, small: TestedEngine) -> None:
    options = {"n_ctx": MOST, "num_predict": 300, "logprobs": 0, "temperature": 1.0, "seed": 4}
    with opened(model, 0) as whole:
        expected = whole.complete(PROMPT, **options)

    assert small.complete(PROMPT, **options).logprobs == expected.logprobs


def test_cached_prefixes_move_along(small: TestedEngine) -> None:
    first = small.complete(PROMPT, n_ctx=MOST, num_predict=8)
    small.complete(PROMPT + "and on", n_ctx=MOST, num_predict=8)  # shares cells with the first
    small.complete(OTHER, n_ctx=MOST, num_predict=8)

    again = small.complete(PROMPT, n_ctx=MOST, num_predict=8)

    assert again.text == first.text
    assert again.end.prompt_reused == again.end.prompt_tokens - 1
    assert small.complete(OTHER, n_ctx=MOST, num_predict=8).end.prompt_reused > 0


def test_many_grow_it_together(small: TestedEngine) -> None:
    numbers = [small.start(f"{number}{PROMPT}", n_ctx=MOST, num_predict=100) for number in range(8)]

    assert {type(reply.end) for reply in small.replies(numbers)} == {wire.Finished}


def test_the_most_it_may_hold_can_be_raised(tmp_path: Path) -> None:
    """A171: a context beyond the pool needs no reload."""
    path = tiny_models.sliding_window(tmp_path / "model.gguf")
    with TestedEngine(str(path), n_ctx=256, n_cells=256, n_batch=128, n_seq_max=8) as engine:
        first = engine.complete("kept", num_predict=4)
        assert engine.complete(OTHER, n_ctx=MOST).end.n_ctx == 256

        engine.raw.allow_cells(MOST)

        assert engine.complete(OTHER, n_ctx=MOST, num_predict=4).end.output_tokens > 0
        again = engine.complete("kept", num_predict=4).end
        assert again.prompt_reused >= first.end.prompt_tokens - 16


def test_waiting_prompts_are_counted_while_they_wait(tmp_path: Path) -> None:
    """B10."""
    path = tiny_models.scripted(tmp_path / "model.gguf", b"xyx")
    with TestedEngine(str(path), n_ctx=1 << 16, n_cells=1 << 16, n_seq_max=1) as engine:
        numbers = [engine.start(f"{number}" + "y" * 60_000, n_ctx=1 << 16) for number in range(6)]
        engine.until(lambda event: isinstance(event, wire.Resized) and event.size >= engine.loaded.size + (1 << 20))
        for number in numbers:
            engine.raw.cancel(number)
        engine.replies(numbers)
        engine.complete("small", num_predict=2)

        assert sizes(engine)[-1] == engine.loaded.size


WITHOUT_MEMORY = """
import resource, sys
from pathlib import Path
from support.engine import TestedEngine

with TestedEngine(sys.argv[1], n_ctx=1024, n_cells=1 << 24, n_cells_start=256, n_batch=128) as engine:
    engine.complete("w" * 200, num_predict=2)  # what a step needs is there
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    used = (int(status["VmData"].split()[0]) + 256) << 10
    resource.setrlimit(resource.RLIMIT_DATA, (used, used))
    numbers = [engine.start(f"{n}" + "x" * 120, n_ctx=1024, num_predict=60) for n in range(4)]
    print(*(reply.end.output_tokens for reply in engine.replies(numbers)))
    print(engine.complete("y" * 400, n_ctx=1024, num_predict=2).end)
    print(sum(type(event).__name__ == "Resized" for event in engine.log))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the size of a process from /proc")
def test_without_memory_requests_share_the_pool_that_is_there(tmp_path: Path) -> None:
    """C7: the one that does not fit at all is told what is missing."""
    path = tiny_models.scripted(tmp_path / "model.gguf", b"xyx")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "GGML_NO_BACKTRACE": "1"},
    )

    lines = done.stdout.splitlines()
    assert lines, done.stderr
    assert lines[0] == "60 60 60 60"
    assert "not enough memory" in lines[1]


def test_an_absurd_pool_is_refused_by_name(tmp_path: Path) -> None:
    """C7, B8: 2^31 cells and more."""
    path = tiny_models.sliding_window(tmp_path / "model.gguf")
    with TestedEngine(str(path), n_ctx=2**31 - 1, n_cells=2**31 - 1) as engine:
        assert isinstance(engine.loaded, wire.LoadFailed)
        assert engine.loaded.code == "no_memory"
        assert "not enough memory for a context" in engine.loaded.reason
