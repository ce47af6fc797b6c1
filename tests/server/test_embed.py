"""Embeddings of a real, generative model, and of a small one made for them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from support import tiny_models
from support.gguf_writer import write_gguf
from support.servers import ServerProcess, refusal
from support.stored_models import store_model

from pyollama.server.embedding import is_normalized
from pyollama.store import Store

MANY = [f"w{number % 200} w{number * 7 % 200}" for number in range(1500)]  # portions, and an answer in pieces


@pytest.fixture(scope="module")
def bert(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a model made for embeddings, with ``w7`` as a word whose vector is no number."""
    path = tiny_models.encoder(tmp_path_factory.mktemp("bert") / "bert.gguf", pooling=1, broken_word=7)
    store_model(server.store, "bert", path)
    return "bert"


def embed(server: ServerProcess, model: str = "smollm", **body: object) -> list[list[float]]:
    answer = server.post("/api/embed", model=model, **body)
    assert answer.status_code == 200, answer.text
    vectors: list[list[float]] = answer.json()["embeddings"]
    return vectors


def test_a213_a224_one_vector_per_text_in_order(server: ServerProcess) -> None:
    (ebb,), (flow,) = embed(server, input="ebb"), embed(server, input=["flow"])
    both = embed(server, input=["ebb", "flow"])
    assert len(both) == 2 and len(both[0]) == 576
    assert both == [ebb, flow]


def test_a213_b18_thousands_of_texts_are_answered_in_order(server: ServerProcess, bert: str) -> None:
    texts = [text for text in MANY if "w7" not in text.split()]
    answer = server.post("/api/embed", model=bert, input=texts)
    found = answer.json()

    assert "content-length" not in answer.headers  # it was written while we read
    assert list(found) == ["model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"]
    assert (len(found["embeddings"]), found["prompt_eval_count"]) == (len(texts), 4 * len(texts))
    for number in (0, 127, 128, 1000, len(texts) - 1):
        assert found["embeddings"][number] == embed(server, bert, input=texts[number])[0]


def test_b18_a_vector_that_is_no_number_names_its_text(server: ServerProcess, bert: str) -> None:
    texts = ["w1"] * 200 + ["w7"] + ["w1"] * 200
    text = "embedding contains NaN or Inf values"
    assert refusal(server.post("/api/embed", model=bert, input=texts)) == (400, f"{text} (input 200)")
    assert refusal(server.post("/api/embed", model=bert, input="w7")) == (400, text)
    assert refusal(server.post("/api/embeddings", model=bert, prompt="w7")) == (500, text)


@pytest.mark.parametrize(
    ("n_ctx", "truncate", "text"),
    [
        (1, True, "input after truncation exceeds maximum context length"),
        (1, False, "input after truncation exceeds maximum context length"),
        (0, True, "input exceeds maximum context length and cannot be truncated further"),
        (0, False, "the input length exceeds the context length"),
        (3, False, "the input length exceeds the context length"),
    ],
)
def test_c18_contexts_too_short_for_a_text(
    server: ServerProcess, bert: str, n_ctx: int, truncate: bool, text: str
) -> None:
    options = {"num_ctx": n_ctx}
    assert refusal(server.post("/api/embed", model=bert, input="w1 w2", truncate=truncate, options=options)) == (
        400,
        text,
    )


def test_c18_a177_three_tokens_are_three_and_hold_for_one_request(server: ServerProcess, bert: str) -> None:
    server.post("/api/generate", model=bert, keep_alive=0)
    answer = server.post("/api/embed", model=bert, input="w1 w2 w3", options={"num_ctx": 3}).json()
    assert answer["prompt_eval_count"] == 3
    assert answer["embeddings"] == embed(server, bert, input="w1")
    longest = server.post("/api/embed", model=bert, input="w1 " * 100).json()
    assert longest["prompt_eval_count"] == 64


def test_a214_vectors_have_length_one(server: ServerProcess) -> None:
    assert [math.hypot(*vector) for vector in embed(server, input=["a", ""])] == pytest.approx([1, 1], abs=1e-5)


def test_a215_a216_dimensions(server: ServerProcess) -> None:
    ((*whole,),) = embed(server, input="harbour")
    ((*short,),) = embed(server, input="harbour", dimensions=3)
    assert len(short) == 3 and math.hypot(*short) == pytest.approx(1, abs=1e-5)
    assert short[0] / short[1] == pytest.approx(whole[0] / whole[1], rel=1e-2)
    assert len(embed(server, input="harbour", dimensions=10**6)[0]) == len(whole)


def test_a217_tokens_are_summed(server: ServerProcess) -> None:
    def count(*texts: str) -> int:
        return int(server.post("/api/embed", model="smollm", input=texts).json()["prompt_eval_count"])

    assert count("one two", "three") == count("one two") + count("three")


@pytest.mark.parametrize(
    "value", [5, True, {"a": 1}, ["a", 5], [["a"]]], ids=["A218", "bool", "object", "A219", "nested"]
)
def test_input_that_is_no_text(server: ServerProcess, value: object) -> None:
    assert refusal(server.post("/api/embed", model="smollm", input=value)) == (400, "invalid input type")


def test_a220_a221_a_long_text(server: ServerProcess) -> None:
    long = {"input": "word " * 300, "options": {"num_ctx": 64}}
    refused = server.post("/api/embed", model="smollm", truncate=False, **long)
    assert refusal(refused) == (400, "the input length exceeds the context length")
    assert len(embed(server, **long)) == 1


def test_a225_the_legacy_answer_has_one_flat_list(server: ServerProcess) -> None:
    answer = server.post("/api/embeddings", model="smollm", prompt="ebb").json()
    assert list(answer) == ["embedding"]
    assert answer["embedding"] == embed(server, input="ebb")[0]


@pytest.mark.parametrize(
    ("keys", "normalized"),
    [
        ({"general.architecture": "llama"}, True),
        ({"general.architecture": "bert", "bert.pooling_type": 1, "tokenizer.ggml.model": "bert"}, True),
        ({"general.architecture": "bert", "tokenizer.ggml.model": "t5"}, True),
        ({"general.architecture": "bert", "bert.pooling_type": 1, "tokenizer.ggml.model": "t5"}, False),
        ({"general.architecture": "bert", "bert.pooling_type": 1, "bert.normalize_embeddings": False}, False),
        ({"general.architecture": "nomic-bert", "nomic-bert.pooling_type": 1}, False),
        ({"general.architecture": "nomic-bert-moe", "nomic-bert-moe.pooling_type": 1}, False),
        (
            {
                "general.architecture": "nomic-bert",
                "nomic-bert.pooling_type": 1,
                "nomic-bert.normalize_embeddings": True,
            },
            True,
        ),
    ],
)
def test_a438_raw_vectors_by_rule(tmp_path: Path, keys: dict[str, object], normalized: bool) -> None:
    store = Store(tmp_path)
    model = store_model(
        store, "m", write_gguf(keys | {"tokenizer.ggml.model": keys.get("tokenizer.ggml.model", "bert")})
    )
    assert is_normalized(model) == normalized


def test_a438_a_raw_vector_is_raw_on_the_legacy_endpoint_only(server: ServerProcess, tmp_path: Path) -> None:
    store_model(server.store, "raw", tiny_models.encoder(tmp_path / "raw.gguf", pooling=1, normalize_embeddings=False))
    raw = server.post("/api/embeddings", model="raw", prompt="w1 w2").json()["embedding"]
    (unit,) = embed(server, "raw", input="w1 w2")
    length = math.hypot(*raw)
    assert length > 1.1 and math.hypot(*unit) == pytest.approx(1, abs=1e-5)
    assert [value / length for value in raw] == pytest.approx(unit, abs=1e-5)


def test_a228_a_long_text_is_an_error_on_the_legacy_endpoint(server: ServerProcess) -> None:
    answer = server.post("/api/embeddings", model="smollm", prompt="word " * 300, options={"num_ctx": 64})
    assert refusal(answer) == (500, "the input length exceeds the context length")


def test_b10_ps_shows_what_embeddings_add_to_a_chat_model(server: ServerProcess) -> None:
    server.post("/api/generate", model="smollm", keep_alive=0)
    server.generate(model="smollm", prompt="Hi", options={"num_predict": 1})
    before = server.loaded()["smollm:latest"]["size"]
    embed(server, input="ebb")
    assert server.loaded()["smollm:latest"]["size"] > before + (1 << 20)
