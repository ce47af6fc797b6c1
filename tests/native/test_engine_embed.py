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


def test_a_batch_gives_the_vectors_of_each_alone(encoder: TestedEngine, generator: TestedEngine) -> None:
    for engine in (encoder, generator):
        batch = vectors(engine.embed(*TEXTS))
        alone = np.concatenate([vectors(engine.embed(text)) for text in TEXTS])
        assert (batch * alone).sum(axis=1).min() > 0.999


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


def test_an_encoder_does_not_generate(encoder: TestedEngine) -> None:
    failed = encoder.complete("w1").end

    assert isinstance(failed, wire.Failed)
    assert failed.code == "bad_request"


def test_vectors_that_are_no_numbers_are_refused_and_hurt_nobody_else(tmp_path: Path) -> None:
    path = tiny_models.encoder(tmp_path / "bert.gguf", pooling=1)
    broken = path.read_bytes()
    path.write_bytes(broken[:-4] + np.float32(np.nan).tobytes())  # the last norm's last bias
    with TestedEngine(str(path)) as engine:
        failed = engine.embed("w1")

    assert isinstance(failed, wire.Failed)
    assert (failed.code, failed.text) == ("bad_request", "embedding contains NaN or Inf values")


def test_embedding_and_generating_go_on_side_by_side(generator: TestedEngine) -> None:
    expected = vectors(generator.embed("hello there"))[0]
    number = generator.start("Once upon a time", num_predict=20)
    meanwhile = vectors(generator.embed("hello there"))[0]

    assert generator.reply(number).end.output_tokens == 20
    assert expected @ meanwhile > 0.999


def test_a_cancelled_embedding_ends(generator: TestedEngine) -> None:
    generator.raw.embed(777_777, ["some text"] * 2000, n_ctx=2048)
    generator.raw.cancel(777_777)

    assert generator.reply(777_777).end.reason == "cancelled"
