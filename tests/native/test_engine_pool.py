"""Many requests in a KV pool that is too small for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engine import TestedEngine

from pyollama.wire import runner as wire

STORY = "<|im_start|>user\nWrite a story about {}.<|im_end|>\n<|im_start|>assistant\n"
ANIMALS = ("a fox", "two owls", "the last whale", "an ant", "some cats", "a slow horse")


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> Iterator[TestedEngine]:
    """512 cells: two long answers fit, six do not."""
    with TestedEngine(str(smollm2), n_ctx=512, n_cells=512, n_batch=128, n_seq_max=8) as engine:
        yield engine


def test_requests_under_pressure_all_complete(engine: TestedEngine) -> None:
    numbers = [engine.start(STORY.format(animal), n_ctx=512, num_predict=150) for animal in ANIMALS]

    for reply in engine.replies(numbers):
        assert isinstance(reply.end, wire.Finished)
        assert reply.end.output_tokens == 150 or reply.end.reason == "stop"


def test_more_requests_than_sequences_wait_their_turn(engine: TestedEngine) -> None:
    numbers = [engine.start(f"Number {number} is", num_predict=4) for number in range(30)]

    assert {reply.end.output_tokens for reply in engine.replies(numbers)} <= {1, 2, 3, 4}


def test_a_context_larger_than_the_pool_is_the_pool(engine: TestedEngine) -> None:
    failed = engine.complete("word " * 600, n_ctx=100_000).end

    assert (failed.code, failed.n_ctx) == ("too_long", 512)


def test_a_full_pool_gives_its_oldest_prefixes_back(engine: TestedEngine) -> None:
    for animal in ANIMALS:
        engine.complete(STORY.format(animal) + "Once " * 200, num_predict=1)

    assert engine.complete("Tell me " * 200, n_ctx=512, num_predict=5).end.output_tokens > 0


def test_cancelling_waiting_and_parked_requests_ends_them(engine: TestedEngine) -> None:
    numbers = [engine.start(STORY.format(animal), n_ctx=512, num_predict=400) for animal in ANIMALS]
    engine.until(lambda event: isinstance(event, wire.Piece) and event.id == numbers[0])
    for number in numbers:
        engine.raw.cancel(number)

    assert {reply.end.reason for reply in engine.replies(numbers)} == {"cancelled"}
    assert engine.complete("Hi", num_predict=1).end.output_tokens == 1


def test_a_cached_prefix_survives_in_another_sequence(engine: TestedEngine) -> None:
    system = "You are a helpful assistant who answers at length and with care. " * 4
    engine.complete(system + "First?", num_predict=1)
    engine.complete(system + "Second?", num_predict=1)

    end = engine.complete(system + "Third?", num_predict=1).end

    assert end.prompt_reused >= len(engine.raw.tokenize(system)) - 1
