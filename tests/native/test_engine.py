"""Completions of the native engine: of a real model what holds for every answer, of a scripted one its text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models
from support.engine import TestedEngine, assert_likely

from pyollama.native import _engine
from pyollama.wire import runner as wire

FOX = "<|im_start|>user\nWrite a story about a fox.<|im_end|>\n<|im_start|>assistant\n"
LONG = "The quick brown fox jumps over the lazy dog. " * 100  # 1,000 tokens


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> Iterator[TestedEngine]:
    with TestedEngine(str(smollm2)) as engine:
        yield engine


@pytest.fixture(scope="module")
def alphabet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestedEngine]:
    with TestedEngine(str(tiny_models.alphabet(tmp_path_factory.mktemp("alphabet") / "a.gguf"))) as engine:
        yield engine


def test_loading_reports_progress_and_real_sizes(smollm2: Path, engine: TestedEngine) -> None:
    progress = [event.progress for event in engine.log if isinstance(event, wire.Loading)]

    assert progress == sorted(progress)
    assert 0 <= progress[0] <= progress[-1] <= 1
    assert engine.loaded.n_vocab == 49152
    assert engine.loaded.n_embd == 576
    assert engine.loaded.n_cells == 8192
    assert engine.loaded.size > smollm2.stat().st_size
    assert engine.loaded.size_vram == 0 or engine.loaded.n_gpu_layers > 0


def test_greedy_output_is_the_same_every_time(engine: TestedEngine) -> None:
    engine.complete(FOX, num_predict=1)  # from here on the prompt comes from the cache
    texts = {engine.complete(FOX, num_predict=24).text for _ in range(3)}

    assert len(texts) == 1


def test_a_seed_fixes_the_output(engine: TestedEngine) -> None:
    engine.complete(FOX, num_predict=1)
    texts = {engine.complete(FOX, temperature=1.0, seed=seed).text for seed in (7, 7, 8)}

    assert len(texts) == 2


def test_counts_and_durations_are_in_the_last_event(alphabet: TestedEngine) -> None:
    end = alphabet.complete("count", num_predict=9).end

    assert (end.reason, end.output_tokens) == ("length", 9)
    assert end.prompt_tokens == len(alphabet.raw.tokenize("count"))
    assert end.prompt_ns > 0 < end.output_ns


def test_many_together_answer_as_each_alone(alphabet: TestedEngine) -> None:
    prompts = ["one a", "another d", "g", "the same m", "the same p"]

    together = alphabet.replies([alphabet.start(prompt, num_predict=3) for prompt in prompts])

    assert [reply.text for reply in together] == ["bcd", "efg", "hij", "nop", "qrs"]


def test_a_repeated_prompt_is_computed_once(engine: TestedEngine) -> None:
    cold = engine.complete("Anew. " + LONG, num_predict=1).end
    warm = engine.complete("Anew. " + LONG, num_predict=1).end

    assert warm.prompt_tokens == cold.prompt_tokens
    assert warm.prompt_reused == warm.prompt_tokens - 1
    assert warm.prefix_miss == ""
    assert cold.prefix_miss != ""


def test_a_shared_beginning_is_reused_and_the_miss_explained(engine: TestedEngine) -> None:
    system = "<|im_start|>system\nYou are a terse assistant who knows birds.<|im_end|>\n<|im_start|>user\n"
    engine.complete(system + "Owls?", num_predict=1)

    end = engine.complete(system + "Herons, and where do they live?", num_predict=1).end

    assert end.prompt_reused == len(engine.raw.tokenize(system))
    assert end.prefix_miss == f"differs from the cache at token {end.prompt_reused}"


def test_a_conversation_reuses_its_own_answer(alphabet: TestedEngine) -> None:
    first = alphabet.complete("a conversation", num_predict=12, want_context=True)

    second = alphabet.complete("a conversation" + first.text + " and then", num_predict=1).end

    assert first.text == "opqrstuvwxyz"
    before = alphabet.raw.tokenize("a conversation" + first.text)
    assert second.prompt_reused == len(before) - 1  # the last token is never computed


def test_a_beginning_that_is_being_computed_is_awaited(engine: TestedEngine) -> None:
    shared = "Shared by two at once. " + LONG
    numbers = [engine.start(shared + tail, num_predict=2) for tail in ("Why?", "When?", "Where?")]

    reused = [reply.end.prompt_reused for reply in engine.replies(numbers)]

    assert reused[0] == 0
    assert min(reused[1:]) >= len(engine.raw.tokenize(shared)) - 32  # the last few are not waited for


def test_stop_strings_are_found_across_tokens_and_not_printed(alphabet: TestedEngine) -> None:
    reply = alphabet.complete("a", num_predict=24, stop=["fgh"])

    assert (reply.text, reply.end.reason) == ("bcde", "stop")


def test_pieces_are_whole_characters(tmp_path: Path) -> None:
    with TestedEngine(str(tiny_models.scripted(tmp_path / "fox.gguf", "aé日🦊".encode()))) as engine:
        reply = engine.complete("a")

    assert reply.text == "é日🦊"
    assert all(len(piece.text) <= 1 for piece in reply.pieces) or len(reply.pieces) < 3  # joined when nobody reads


def test_a_prompt_longer_than_the_context_is_refused_with_both_lengths(engine: TestedEngine) -> None:
    failed = engine.complete(LONG, n_ctx=256).end

    assert isinstance(failed, wire.Failed)
    assert (failed.code, failed.n_ctx) == ("too_long", 256)
    assert failed.n_tokens == len(engine.raw.tokenize(LONG))


def test_a_prompt_longer_than_the_context_is_cut_in_the_middle_if_wanted(engine: TestedEngine) -> None:
    end = engine.complete(LONG, n_ctx=256, truncate=True, num_keep=6, num_predict=2, want_context=True).end

    n_prompt = 256 - (256 - 6) // 2
    tokens = engine.raw.tokenize(LONG)
    assert end.prompt_tokens == n_prompt
    assert end.context[: len(tokens)] == tokens  # what was cut is there again in the next request


def test_output_goes_on_past_the_context_by_shifting(alphabet: TestedEngine) -> None:
    end = alphabet.complete("letters", n_ctx=64, num_predict=200).end

    assert (end.output_tokens, end.reason) == (200, "length")


def test_output_ends_at_the_context_without_shifting(alphabet: TestedEngine) -> None:
    reply = alphabet.complete("letters", n_ctx=64, num_predict=200, shift=False, logprobs=0)

    assert reply.end.reason == "length"
    assert reply.end.prompt_tokens + reply.end.output_tokens == 64
    assert len(reply.logprobs) == reply.end.output_tokens


def test_shifting_leaves_sequences_that_share_cells_alone(engine: TestedEngine) -> None:
    prompt = "The first letters of the alphabet are a b c d e f g h i j k l m n o p"
    engine.complete(prompt, num_predict=1)
    expected = engine.complete(prompt, num_predict=1, logprobs=5).logprobs[0]
    shifting = [engine.start(prompt, n_ctx=40, num_keep=1, num_predict=80) for _ in range(2)]

    assert_likely(engine.complete(prompt, num_predict=1, logprobs=5).logprobs[0], expected)
    assert all(reply.end.output_tokens == 80 or reply.end.reason == "stop" for reply in engine.replies(shifting))
    assert_likely(engine.complete(prompt, num_predict=1, logprobs=5).logprobs[0], expected)


def test_logprobs_are_sorted_and_belong_to_the_chosen_tokens(engine: TestedEngine) -> None:
    reply = engine.complete(FOX, num_predict=6, logprobs=3)

    assert 0 < len(reply.logprobs) <= 6
    assert b"".join(entry.bytes for entry in reply.logprobs).decode(errors="ignore") == reply.text
    for entry in reply.logprobs:
        assert entry.logprob <= 0
        assert [top[1] for top in entry.top] == sorted((top[1] for top in entry.top), reverse=True)
        assert entry.top[0] == (entry.token, entry.logprob, entry.bytes)  # greedy takes the likeliest


def test_context_is_prompt_and_answer(engine: TestedEngine) -> None:
    reply = engine.complete(FOX, num_predict=5, want_context=True)

    tokens = engine.raw.tokenize(FOX)
    assert reply.end.context[: len(tokens)] == tokens
    assert engine.raw.detokenize(reply.end.context[len(tokens) :]) == reply.text


@pytest.mark.parametrize("num_predict", [0, -1, 1000])
def test_no_answer_is_longer_than_ten_contexts(alphabet: TestedEngine, num_predict: int) -> None:
    """A195: 0 and negative numbers set no other limit."""
    reply = alphabet.complete("a", n_ctx=16, num_predict=num_predict)

    assert reply.end.reason == "length"
    assert reply.end.output_tokens == 160


def test_the_smallest_context_is_four_tokens(engine: TestedEngine) -> None:
    """A177, and nothing of a larger minimum of the engine's own shows."""
    assert engine.complete("one two three four five", n_ctx=1).end.n_ctx == 4
    assert engine.complete("one two three four five", n_ctx=4, truncate=True, num_predict=2).end.prompt_tokens == 3


@pytest.mark.parametrize("options", [{"top_p": -1.0}, {"top_p": 1.5}, {"min_p": 2.0}, {"typical_p": 2.0}])
def test_a_share_outside_its_range_is_off(engine: TestedEngine, options: dict[str, Any]) -> None:
    off = {"top_p": 1.0, "min_p": 0.0, "typical_p": 1.0, "temperature": 1.5, "seed": 3}
    engine.complete(FOX, num_predict=1)

    assert engine.complete(FOX, **off | options).text == engine.complete(FOX, **off).text


@pytest.mark.parametrize("options", [{"repeat_penalty": 0.0}, {"top_p": float("nan")}, {"mirostat": 3}])
def test_an_option_out_of_range_is_a_bad_request(engine: TestedEngine, options: dict[str, Any]) -> None:
    failed = engine.complete(FOX, **options).end

    assert isinstance(failed, wire.Failed)
    assert failed.code == "bad_request"
    assert failed.text


def test_an_id_in_use_is_refused(engine: TestedEngine) -> None:
    number = engine.start(FOX, num_predict=50)
    with pytest.raises(ValueError, match="under way"):
        engine.start(FOX, number=number)

    assert engine.reply(number).end.output_tokens > 0


def test_a_cancelled_answer_says_so_and_its_neighbour_goes_on(alphabet: TestedEngine) -> None:
    doomed = alphabet.start("a", num_predict=1_000_000, n_ctx=1_000_000)
    neighbour = alphabet.start("m", num_predict=12)
    alphabet.until(lambda event: isinstance(event, wire.Piece) and event.id == doomed)
    alphabet.raw.cancel(doomed)

    assert alphabet.reply(doomed).end.reason == "cancelled"
    assert alphabet.reply(neighbour).text == "nopqrstuvwxy"


def test_a_cancel_stops_a_running_prefill(engine: TestedEngine) -> None:
    number = engine.start("Cancelled early. " + LONG, num_predict=2)
    reply_before = engine.start("Hi", num_predict=1)  # admitted in the same step, so the prefill has begun when it ends
    engine.reply(reply_before)
    engine.raw.cancel(number)

    assert engine.reply(number).end.reason == "cancelled"
    assert engine.complete("Hi", num_predict=1).end.output_tokens == 1


def test_cancelling_twice_or_an_unknown_request_does_nothing(engine: TestedEngine) -> None:
    number = engine.start(FOX, num_predict=500)
    engine.raw.cancel(number)
    engine.raw.cancel(number)
    engine.raw.cancel(999_999)

    assert engine.reply(number).end.reason == "cancelled"
    assert sum(isinstance(event, wire.Finished) and event.id == number for event in engine.log) == 1


def test_tokens_and_text_convert_both_ways(engine: TestedEngine) -> None:
    text = "<|im_start|>Grüße, 世界!"

    assert engine.raw.detokenize(engine.raw.tokenize(text)) == text
    assert len(engine.raw.tokenize(["", text])) > len(engine.raw.tokenize(text))
    with pytest.raises(ValueError, match="outside the vocabulary"):
        engine.raw.detokenize([1, 10**6])


def test_a_chat_is_rendered_by_the_models_own_template(engine: TestedEngine) -> None:
    result = engine.raw.render(b'{"messages": [{"role": "user", "content": "Hello"}]}')

    assert b'<|im_start|>user\\n","Hello","<|im_end|>' in result
    with pytest.raises(ValueError):
        engine.raw.render(b"no json")


def test_versions_and_devices_are_known_without_a_model() -> None:
    assert "ggml" in _engine.version()
    assert _engine.devices()[0]["kind"] in {"cpu", "gpu", "igpu", "accel"}
