"""Models whose memory cannot do all that plain attention can: sliding windows and recurrent state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import tiny_models
from support.engine import TestedEngine

PROMPT = "The quick brown fox jumps over the lazy dog, and over the other one too. " * 2


@pytest.fixture(scope="module", params=["sliding_window", "recurrent"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestedEngine]:
    path = getattr(tiny_models, request.param)(tmp_path_factory.mktemp("tiny") / f"{request.param}.gguf")
    with TestedEngine(str(path), n_ctx=1024, n_cells=1024, n_batch=64) as engine:
        assert engine.loaded.n_vocab == len(tiny_models.BYTES)
        yield engine


def test_a_repeated_prompt_answers_the_same(engine: TestedEngine) -> None:
    texts = {engine.complete(PROMPT, num_predict=20).text for _ in range(3)}

    assert len(texts) == 1


def test_a_cut_prompt_is_never_answered_from_a_state_beyond_it(engine: TestedEngine) -> None:
    beginning = PROMPT[:60]
    expected = engine.complete(beginning, num_predict=20).text
    engine.complete(PROMPT, num_predict=100)

    again = engine.complete(beginning, num_predict=20)

    assert again.text == expected


def test_a_continued_prompt_answers_as_if_computed_anew(engine: TestedEngine) -> None:
    beginning = "A conversation: " + PROMPT
    engine.complete("Something else: " + PROMPT, num_predict=1)
    cold = engine.complete(beginning + "more", num_predict=20)
    engine.complete(beginning, num_predict=1)

    warm = engine.complete(beginning + "more", num_predict=20)

    assert warm.text == cold.text
    assert warm.end.prompt_reused >= len(engine.raw.tokenize(beginning)) - 1


def test_a_repeated_prompt_is_reused(engine: TestedEngine) -> None:
    prompt = "To be repeated: " + PROMPT
    cold = engine.complete(prompt, num_predict=40)
    warm = engine.complete(prompt, num_predict=40)

    assert warm.text == cold.text
    assert warm.end.prompt_reused == warm.end.prompt_tokens - 1


def test_requests_side_by_side_answer_as_alone(engine: TestedEngine) -> None:
    prompts = [f"Prompt number {number}: {PROMPT}" for number in range(6)]
    alone = [engine.complete(prompt, num_predict=10).text for prompt in prompts]

    together = [reply.text for reply in engine.replies([engine.start(prompt, num_predict=10) for prompt in prompts])]

    assert sum(text == expected for text, expected in zip(together, alone, strict=True)) >= 5


def test_cancelling_a_prefill_leaves_the_engine_sound(engine: TestedEngine) -> None:
    number = engine.start(PROMPT * 6, num_predict=5, n_ctx=1024)
    engine.raw.cancel(number)
    engine.reply(number)

    assert engine.complete(PROMPT, num_predict=5).end.output_tokens <= 5


def test_a_context_that_cannot_shift_ends_the_answer(engine: TestedEngine) -> None:
    end = engine.complete("abc", n_ctx=32, num_predict=200, temperature=1.0, seed=3).end

    assert end.output_tokens == 200 or end.reason in {"length", "stop"}
