"""Embeddings, from models made for them and from generating ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support import tiny_models
from support.engine import TestedEngine

from pyollama.wire import runner as wire

SIZES = [" ".join(f"w{(7 * size + i) % 200}" for i in range(size)) for size in (1, 70, 2, 3, 130, 5, 9, 64, 17, 30, 62)]
TEXTS = ["w1 w2 w3", "w4", "w5 w6 w7 w8 w9 w10 w11", ""]


@pytest.fixture(scope="module")
def generator(smollm2: Path) -> Iterator[TestedEngine]:
    with TestedEngine(str(smollm2)) as engine:
        yield engine


@pytest.fixture(params=[1, 2], ids=["mean", "first"], scope="module")
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestedEngine]:
    path = tiny_models.encoder(tmp_path_factory.mktemp("bert") / "bert.gguf", pooling=request.param)
    with TestedEngine(str(path)) as engine:
        yield engine


def vectors(reply: wire.Embedded) -> NDArray[np.float32]:
    return np.array([np.frombuffer(raw, "<f4") for raw in reply.vectors])


def test_vectors_have_length_one(encoder: TestedEngine, generator: TestedEngine) -> None:
    for engine in (encoder, generator):
        rows = vectors(engine.embed(*TEXTS[:3]))
        assert rows.shape == (3, engine.loaded.n_embd)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)


def test_raw_vectors_point_the_same_way(encoder: TestedEngine) -> None:
    raw = vectors(encoder.embed("w1 w2", normalize=False))[0]
    unit = vectors(encoder.embed("w1 w2"))[0]

    np.testing.assert_allclose(raw / np.linalg.norm(raw), unit, atol=1e-5)
    assert abs(np.linalg.norm(raw) - 1) > 1e-3


def assert_company_changes_nothing(engine: TestedEngine, texts: list[str]) -> None:
    """To the bit: a difference of one would grow from layer to layer, as activations are rounded to 8 bits."""
    together, backwards = engine.embed(*texts).vectors, engine.embed(*reversed(texts)).vectors

    assert together == [engine.embed(text).vectors[0] for text in texts]
    assert together == backwards[::-1]


@pytest.mark.parametrize("pooling", [1, 2], ids=["mean", "first"])
@pytest.mark.parametrize("threads", [1, 2])
def test_b18_a_text_has_one_vector_in_any_company(tmp_path: Path, pooling: int, threads: int) -> None:
    path = tiny_models.encoder(tmp_path / "bert.gguf", pooling=pooling, n_ctx=256)
    with TestedEngine(str(path), n_threads=threads, n_threads_batch=threads) as engine:
        assert_company_changes_nothing(engine, SIZES)


def test_b18_of_a_real_model_whose_activations_are_rounded_to_8_bits(smollm2: Path) -> None:
    texts = ["the dog", "dog " * 17, "the cat and the dog " * 15, "a", "tide"]  # the third is longer than a batch
    with TestedEngine(str(smollm2), n_batch=64) as engine:
        assert_company_changes_nothing(engine, texts)


def test_b18_of_generating_models_too(tmp_path: Path) -> None:
    for path in (tiny_models.sliding_window(tmp_path / "swa.gguf"), tiny_models.recurrent(tmp_path / "mamba.gguf")):
        with TestedEngine(str(path), flash_attention=False) as engine:
            assert_company_changes_nothing(engine, SIZES)


def test_more_inputs_than_a_batch_holds_are_all_answered(encoder: TestedEngine) -> None:
    texts = [f"w{number} w{number + 1}" for number in range(100)]
    reply = encoder.embed(*texts)

    assert len(reply.vectors) == 100
    assert len(set(reply.vectors)) == 100
    assert reply.prompt_tokens == sum(len(encoder.raw.tokenize(text)) for text in texts)


def test_no_inputs_give_no_vectors(encoder: TestedEngine) -> None:
    assert encoder.embed().vectors == []


def test_similar_texts_are_closer(generator: TestedEngine) -> None:
    cat, kitten, tax = vectors(generator.embed("A cat sleeps.", "A kitten is sleeping.", "Tax law of 1986, section 4"))

    assert cat @ kitten > cat @ tax


def test_a_long_input_is_cut_and_keeps_its_end_marker(encoder: TestedEngine) -> None:
    text = " ".join(f"w{number}" for number in range(150))
    whole = encoder.embed(text)
    fitting = encoder.embed(" ".join(f"w{number}" for number in range(62)))  # [CLS], 62 words, [SEP]

    assert whole.prompt_tokens == 64
    assert vectors(whole)[0] @ vectors(fitting)[0] > 0.999


def test_a_long_input_is_refused_if_it_may_not_be_cut(encoder: TestedEngine) -> None:
    failed = encoder.embed("w1 " * 150, truncate=False)

    assert isinstance(failed, wire.Failed)
    assert (failed.code, failed.text) == ("too_long", "the input length exceeds the context length")
    assert (failed.n_tokens, failed.n_ctx) == (152, 64)


def test_a_long_input_of_a_generating_model_spans_batches(generator: TestedEngine) -> None:
    assert generator.embed("the dog and the cat " * 150, n_ctx=4096).prompt_tokens > 512


@pytest.mark.parametrize("truncate", [True, False])
@pytest.mark.parametrize("n_ctx", [1, 2])
def test_c18_a_limit_without_room_for_text_is_refused(encoder: TestedEngine, n_ctx: int, truncate: bool) -> None:
    failed = encoder.embed("w1 w2", n_ctx=n_ctx, truncate=truncate)

    assert (failed.code, failed.text) == ("bad_request", "input after truncation exceeds maximum context length")


def test_c18_a177_three_tokens_are_three(encoder: TestedEngine) -> None:
    cut = encoder.embed("w1 w2 w3", n_ctx=3)  # [CLS], a word, [SEP]

    assert cut.prompt_tokens == 3
    assert cut.vectors == encoder.embed("w1").vectors


@pytest.mark.parametrize("word", ["tide ", "\N{OVERLINE}é"])
def test_c6_of_a_huge_text_its_beginning_decides(generator: TestedEngine, word: str) -> None:
    """It is cut before it is tokenised: all of it would take minutes, or fill the memory."""
    huge = word * 2_000_000
    cut = generator.embed(huge, n_ctx=16)
    refused = generator.embed(huge, n_ctx=16, truncate=False)

    assert cut.vectors == generator.embed(huge[:1000], n_ctx=16).vectors
    assert cut.prompt_tokens == 16
    assert (refused.code, refused.text) == ("too_long", "the input length exceeds the context length")


def test_an_encoder_does_not_generate(encoder: TestedEngine) -> None:
    failed = encoder.complete("w1").end

    assert isinstance(failed, wire.Failed)
    assert failed.code == "bad_request"


def test_vectors_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tiny_models.encoder(tmp_path / "bert.gguf", pooling=1)
    broken = path.read_bytes()
    path.write_bytes(broken[:-4] + np.float32(np.nan).tobytes())  # the last norm's last bias
    with TestedEngine(str(path)) as engine:
        failed = engine.embed("w1")

    assert isinstance(failed, wire.Failed)
    assert (failed.code, failed.text) == ("bad_request", "embedding contains NaN or Inf values")


def test_b18_a_vector_that_is_no_number_names_its_text_and_hurts_nobody_else(tmp_path: Path) -> None:
    path = tiny_models.encoder(tmp_path / "bert.gguf", pooling=1, broken_word=7)
    with TestedEngine(str(path)) as engine:
        sound = engine.embed("w1", "w2", "w3").vectors
        numbers = [engine.number(), engine.number()]
        engine.raw.embed(numbers[0], ["w1", "w2", "w7"], n_ctx=64)
        engine.raw.embed(numbers[1], ["w1", "w2", "w3"], n_ctx=64)
        failed, beside = (engine.reply(number).end for number in numbers)

    assert (failed.text, failed.input) == ("embedding contains NaN or Inf values", 2)
    assert beside.vectors == sound


def test_embedding_and_generating_go_on_side_by_side(generator: TestedEngine) -> None:
    expected = vectors(generator.embed("hello there"))[0]
    number = generator.start("Once upon a time", num_predict=20)
    meanwhile = vectors(generator.embed("hello there"))[0]

    assert generator.reply(number).end.output_tokens == 20
    assert np.array_equal(expected, meanwhile)


def test_c9_one_text_does_not_wait_for_thousands(encoder: TestedEngine) -> None:
    many, one = encoder.number(), encoder.number()
    encoder.raw.embed(many, [f"w{number % 200} w1 w2 w3 w4 w5" for number in range(4000)], n_ctx=64)
    encoder.raw.embed(one, ["w1"], n_ctx=64)
    assert len(encoder.reply(many).end.vectors) == 4000
    ends = [event.id for event in encoder.log if isinstance(event, wire.Embedded)]

    assert ends.index(one) < ends.index(many)


def test_c9_generating_goes_on_beside_thousands_of_texts(generator: TestedEngine) -> None:
    many = generator.number()
    generator.raw.embed(many, ["the dog and the cat"] * 200, n_ctx=64)
    generated = generator.start("Once upon a time", num_predict=5)
    generator.reply(many)
    ends = [event.id for event in generator.log if isinstance(event, wire.Embedded | wire.Finished)]

    assert ends.index(generated) < ends.index(many)


def test_b10_memory_for_embeddings_is_told_and_given_back(smollm2: Path) -> None:
    with TestedEngine(str(smollm2), embed_idle_seconds=0.05) as engine:
        for told in (2, 4):  # it comes back when it is needed again
            engine.embed("a text")
            engine.until(lambda _, told=told: sum(isinstance(event, wire.Resized) for event in engine.log) >= told)
        sizes = [engine.loaded.size, *(event.size for event in engine.log if isinstance(event, wire.Resized))]

    assert sizes[1] > sizes[0] + (1 << 20)
    assert sizes == [sizes[0], sizes[1], sizes[0], sizes[1], sizes[0]]


def test_a_cancelled_embedding_ends(generator: TestedEngine) -> None:
    generator.raw.embed(777_777, ["some text"] * 2000, n_ctx=2048)
    generator.raw.cancel(777_777)

    assert generator.reply(777_777).end.reason == "cancelled"
