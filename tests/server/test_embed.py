"""Embeddings of a real, generative model."""

from __future__ import annotations

import math

import pytest
from support.servers import ServerProcess, refusal


def embed(server: ServerProcess, **body: object) -> list[list[float]]:
    answer = server.post("/api/embed", model="smollm", **body)
    assert answer.status_code == 200, answer.text
    vectors: list[list[float]] = answer.json()["embeddings"]
    return vectors


def test_a213_a224_one_vector_per_text_in_order(server: ServerProcess) -> None:
    (ebb,), (flow,) = embed(server, input="ebb"), embed(server, input=["flow"])
    both = embed(server, input=["ebb", "flow"])
    assert len(both) == 2 and len(both[0]) == 576
    assert both[0] == pytest.approx(ebb, abs=2e-3) and both[1] == pytest.approx(flow, abs=2e-3)


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
    assert answer["embedding"] == pytest.approx(embed(server, input="ebb")[0], abs=2e-3)


def test_a228_a_long_text_is_an_error_on_the_legacy_endpoint(server: ServerProcess) -> None:
    answer = server.post("/api/embeddings", model="smollm", prompt="word " * 300, options={"num_ctx": 64})
    assert refusal(answer) == (500, "the input length exceeds the context length")
