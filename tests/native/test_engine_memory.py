"""Models whose memory cannot do all that plain attention can: sliding windows and recurrent state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import tiny_models
from support.engine import TestedEngine, assert_likely

from pyollama.wire import runner as wire

PROMPT = "The quick brown fox jumps over the lazy dog, and over the other one too. " * 2


@pytest.fixture(scope="module", params=["sliding_window", "recurrent"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestedEngine]:
    path = getattr(tiny_models, request.param)(tmp_path_factory.mktemp("tiny") / f"{request.param}.gguf")
    with TestedEngine(str(path), n_ctx=1024, n_cells=1024, n_batch=64) as engine:
        assert engine.loaded.n_vocab == len(tiny_models.BYTES)
        yield engine


def likely(engine: TestedEngine, prompt: str) -> wire.TokenLogprob:
    """What may come next. Not a text: kernels for other batches round differently, which may flip a close call."""
    return engine.complete(prompt, num_predict=1, logprobs=5).logprobs[0]


def test_a_repeated_prompt_answers_the_same(engine: TestedEngine) -> None:
    first = likely(engine, PROMPT)

    assert_likely(likely(engine, PROMPT), first)
    assert_likely(likely(engine, PROMPT), first)


def test_a_cut_prompt_is_never_answered_from_a_state_beyond_it(engine: TestedEngine) -> None:
    beginning = PROMPT[:60]
    expected = likely(engine, beginning)
    engine.complete(PROMPT, num_predict=100)

    assert_likely(likely(engine, beginning), expected)


def test_a_continued_prompt_answers_as_if_computed_anew(engine: TestedEngine) -> None:
    beginning = "A conversation: " + PROMPT
    engine.complete("Something else: " + PROMPT, num_predict=1)
    cold = engine.complete(beginning + "more", num_predict=1, logprobs=5)
    engine.complete(beginning, num_predict=1)

    warm = engine.complete(beginning + "more", num_predict=1, logprobs=5)

    assert_likely(warm.logprobs[0], cold.logprobs[0])
    assert warm.end.prompt_reused >= len(engine.raw.tokenize(beginning)) - 1


def test_a_repeated_prompt_is_reused(engine: TestedEngine) -> None:
    prompt = "To be repeated: " + PROMPT
    engine.complete(prompt, num_predict=1)
    warm = engine.complete(prompt, num_predict=1)

    assert warm.end.prompt_reused == warm.end.prompt_tokens - 1


def test_requests_side_by_side_answer_as_alone(engine: TestedEngine) -> None:
    prompts = [f"Prompt number {number}: {PROMPT}" for number in range(6)]
    alone = [likely(engine, prompt) for prompt in prompts]

    together = engine.replies([engine.start(prompt, num_predict=1, logprobs=5) for prompt in prompts])

    for reply, expected in zip(together, alone, strict=True):
        assert_likely(reply.logprobs[0], expected)


def test_cancelling_a_prefill_leaves_the_engine_sound(engine: TestedEngine) -> None:
    number = engine.start(PROMPT * 6, num_predict=5, n_ctx=1024)
    engine.raw.cancel(number)
    engine.reply(number)

    assert engine.complete(PROMPT, num_predict=5).end.output_tokens <= 5


def test_a_context_that_cannot_shift_ends_the_answer(engine: TestedEngine) -> None:
    end = engine.complete("abc", n_ctx=32, num_predict=200, temperature=1.0, seed=3).end

    assert end.output_tokens == 200 or end.reason in {"length", "stop"}
