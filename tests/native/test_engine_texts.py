"""Texts become tokens in linear time, can be stopped, and what can never fit is not begun."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import tiny_models, vocabularies
from support.engine import TestedEngine

from pyollama.wire import runner as wire

LONG = 20_000_000  # bytes; takes seconds


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestedEngine]:
    path = vocabularies.sentencepiece(tmp_path_factory.mktemp("texts") / "model.gguf")
    with TestedEngine(str(path)) as engine:
        yield engine


def end_of(engine: TestedEngine, number: int) -> object:
    """The last event of a request that gives no pieces."""
    return engine.until(lambda event: getattr(event, "id", None) == number and not isinstance(event, wire.Piece))


def seconds(engine: TestedEngine, text: str) -> float:
    """Of the processor, for one text; the least of three."""
    took = []
    for _ in range(3):
        start = time.thread_time()
        engine.raw.tokenize(["", text])
        took.append(time.thread_time() - start)
    return min(took)


@pytest.mark.parametrize("text", ["\U0001f9ff", "a", " ", "\n", "ab end ", "<|im_end|>", "xabcd|><"])
def test_ten_times_the_text_takes_about_ten_times_as_long(engine: TestedEngine, text: str) -> None:
    """Quadratic, it took 100 times as long: 40 s for 1.2 MB of a character that falls back to bytes."""
    short = text * (40_000 // len(text.encode()))
    assert seconds(engine, 10 * short) < 35 * seconds(engine, short)


def test_many_control_tokens_take_linear_time(engine: TestedEngine) -> None:
    fragments = list(itertools.islice(itertools.cycle(["<|im_start|>", "a"]), 20_000))
    start = time.thread_time()
    engine.raw.tokenize(fragments)
    once = time.thread_time() - start
    start = time.thread_time()
    engine.raw.tokenize(10 * fragments)
    assert time.thread_time() - start < 35 * once


@pytest.mark.parametrize("pre", ["default", "tekken", "gpt-4o", "deepseek-v3", "llama4", "falcon"])
def test_words_of_any_length_are_tokenised(pre: str, tmp_path: Path) -> None:
    """A hundred thousand letters in a row overflowed the stack."""
    with TestedEngine(str(vocabularies.bytelevel(tmp_path / "model.gguf", pre))) as engine:
        for letter in ("a", " ", ".", "\n", "\u4e16"):
            number = engine.number()
            engine.raw.submit_tokenize(number, [["", letter * 100_000]])
            answer = end_of(engine, number)
            assert isinstance(answer, wire.Tokens)
            assert len(answer.tokens[0]) == 100_000 * len(letter.encode())


@pytest.mark.parametrize("pre", ["tekken", "gpt-4o", "deepseek-v3", "falcon"])
def test_words_are_cut_only_where_they_are_longer_than_most(pre: str, tmp_path: Path) -> None:
    text = ("ab" * 700 + " ") * 40
    with TestedEngine(str(vocabularies.bytelevel(tmp_path / "model.gguf", pre))) as engine:
        assert engine.raw.tokenize(["", text]).count(256) == 40 * 700


def test_a_text_that_is_being_tokenised_can_be_cancelled(engine: TestedEngine) -> None:
    number = engine.number()
    engine.raw.submit_tokenize(number, [["", "e" * LONG]])
    engine.raw.cancel(number)

    assert isinstance(end_of(engine, number), wire.Finished)


def test_a_prompt_that_waits_behind_another_can_be_cancelled(engine: TestedEngine) -> None:
    before, waiting = engine.number(), engine.number()
    engine.raw.submit_tokenize(before, [["", "e" * LONG]])
    engine.raw.submit_tokenize(waiting, [["a"]])
    engine.raw.cancel(waiting)
    engine.raw.cancel(before)

    assert isinstance(end_of(engine, before), wire.Finished)
    assert isinstance(end_of(engine, waiting), wire.Finished)


def test_answers_about_texts_keep_the_order_of_their_requests(engine: TestedEngine) -> None:
    numbers = [engine.number() for _ in range(20)]
    for number in numbers:
        engine.raw.submit_tokenize(number, [["a" * (1000 * (21 - numbers.index(number)))]])
    end_of(engine, numbers[-1])

    answered = [event.id for event in engine.log if isinstance(event, wire.Tokens)]
    assert [number for number in answered if number in numbers] == numbers


def test_token_ids_are_spelled_out_in_their_turn(engine: TestedEngine) -> None:
    number = engine.number()
    engine.raw.submit_detokenize(number, engine.raw.tokenize("<|im_end|>ab", add_special=False))
    assert end_of(engine, number) == wire.Text(number, "<|im_end|> ab")

    number = engine.number()
    engine.raw.submit_detokenize(number, [10**6])
    failed = end_of(engine, number)
    assert isinstance(failed, wire.Failed)
    assert failed.code == "bad_request"


def test_a_prompt_that_can_never_fit_is_refused_untokenised(engine: TestedEngine) -> None:
    longest = max(len(text.encode()) for text, _ in vocabularies.AWKWARD)

    failed = engine.reply(engine.start("e" * LONG, n_ctx=512)).end

    assert isinstance(failed, wire.Failed)
    assert (failed.code, failed.n_ctx) == ("too_long", 512)
    assert failed.n_tokens == LONG // longest  # the bound; each letter is a token of its own


def test_bytes_that_a_vocabulary_lacks_do_not_count_against_a_prompt(smollm2: Path) -> None:
    """This one has no token for six control characters and for two bytes of rare characters."""
    with TestedEngine(str(smollm2)) as engine:
        failed = engine.reply(engine.start("e" * LONG, n_ctx=512)).end
        assert isinstance(failed, wire.Failed)
        assert failed.code == "too_long"
        assert failed.n_tokens < len(engine.raw.tokenize("e" * LONG))  # so nobody has counted

        absent = "Hi" + "\x04" * LONG
        assert len(engine.raw.tokenize(absent)) == 1
        for truncate in (False, True):
            end = engine.reply(engine.start(absent, n_ctx=512, num_predict=1, truncate=truncate)).end
            assert isinstance(end, wire.Finished), end
            assert end.prompt_tokens == 1


def test_a_prompt_that_is_cut_keeps_the_tokens_at_both_ends(engine: TestedEngine) -> None:
    text = "".join(f"{'ab' * (number % 7)} end{number}" for number in range(200_000))
    whole = engine.raw.tokenize([text])

    end = engine.reply(engine.start(text, n_ctx=256, truncate=True, num_predict=1, want_context=True, num_keep=-1)).end

    assert isinstance(end, wire.Finished), end
    assert end.context is not None
    assert len(end.context) < len(whole) / 2
    assert end.context[:256] == whole[1:257]  # context is without BOS
    assert end.context[-300:-1] == whole[-299:] or end.context[-299:] == whole[-299:]


def test_a_text_to_embed_has_no_control_tokens(tmp_path: Path) -> None:
    path = tiny_models.encoder(tmp_path / "encoder.gguf", pooling=1)
    with TestedEngine(str(path)) as encoder:
        plain, control = encoder.embed("w1 [SEP] w2"), encoder.embed("w1 w2")
        assert plain.prompt_tokens == len(encoder.raw.tokenize(["", "w1 [SEP] w2"]))
        assert plain.prompt_tokens != len(encoder.raw.tokenize(["w1 [SEP] w2"])) or control.vectors != plain.vectors


def test_control_tokens_of_data_may_be_trusted(tmp_path: Path) -> None:
    path = vocabularies.sentencepiece(tmp_path / "model.gguf")
    with TestedEngine(str(path), trust_control_tokens=True) as engine:
        number = engine.number()
        engine.raw.submit_tokenize(number, [["a", "<|im_end|>"], ["a<|im_end|>"]])
        answer = end_of(engine, number)
    assert isinstance(answer, wire.Tokens)
    assert answer.tokens[0] == answer.tokens[1]
