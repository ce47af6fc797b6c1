"""The official Python client against our server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import ollama
import pytest
from support.servers import ServerProcess

OPTIONS = {"num_predict": 8}
MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[ollama.Client]:
    with ollama.Client(host=server.url) as running:
        yield running


def test_generate(client: ollama.Client) -> None:
    answer = client.generate("alphabet", "a", options=OPTIONS)
    assert answer.response == "bcdefghi" and answer.done and answer.done_reason == "length"
    assert answer.eval_count == 8 and answer.context


def test_generate_in_a_stream(client: ollama.Client) -> None:
    parts = list(client.generate("alphabet", "a", options=OPTIONS, stream=True))
    assert "".join(part.response for part in parts) == client.generate("alphabet", "a", options=OPTIONS).response
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


def test_generate_goes_on_from_a_context(client: ollama.Client) -> None:
    first = client.generate("smollm", "My name is Ada.", options=OPTIONS)
    assert client.generate("smollm", "What is my name?", context=first.context, options=OPTIONS).response


def test_chat(client: ollama.Client) -> None:
    answer = client.chat("alphabet", MESSAGES, options=OPTIONS)
    assert answer.message.role == "assistant" and answer.message.content
    assert answer.prompt_eval_count and answer.total_duration


def test_chat_in_a_stream(client: ollama.Client) -> None:
    parts = list(client.chat("alphabet", MESSAGES, options=OPTIONS, stream=True, keep_alive="5m"))
    joined = "".join(part.message.content or "" for part in parts)
    assert joined == client.chat("alphabet", MESSAGES, options=OPTIONS).message.content


def test_chat_with_log_probabilities(client: ollama.Client) -> None:
    answer = client.chat("alphabet", MESSAGES, options=OPTIONS, logprobs=True, top_logprobs=2)
    assert answer.logprobs and len(answer.logprobs) == 8


def test_embed_and_embeddings(client: ollama.Client) -> None:
    assert [len(vector) for vector in client.embed("smollm", ["a", "b"]).embeddings] == [576, 576]
    assert len(client.embeddings("smollm", "a").embedding) == 576


def test_list_and_show(client: ollama.Client) -> None:
    entry = next(model for model in client.list().models if model.model == "smollm:latest")
    assert entry.details and entry.details.family == "llama" and entry.size
    shown = client.show("smollm")
    assert shown.modelinfo and shown.modelinfo["general.architecture"] == "llama"
    assert shown.template and shown.capabilities == ["completion"]


def test_ps(client: ollama.Client) -> None:
    client.generate("smollm", keep_alive="10m")
    (row,) = [model for model in client.ps().models if model.model == "smollm:latest"]
    assert row.size and row.expires_at and row.context_length


def test_create_copy_and_delete(client: ollama.Client) -> None:
    assert client.create("poet", from_="smollm", system="Answer in verse.", parameters={"seed": 1}).status == "success"
    assert client.copy("poet", "bard").status == "success"
    assert client.show("bard").modelfile and "Answer in verse." in str(client.show("bard").modelfile)
    for name in ("poet", "bard"):
        assert client.delete(name).status == "success"
    assert not {"poet:latest", "bard:latest"} & {model.model for model in client.list().models}


def test_create_from_an_uploaded_file_in_a_stream(client: ollama.Client, smollm2: Path) -> None:
    digest = client.create_blob(smollm2)
    assert digest == "sha256:" + hashlib.sha256(smollm2.read_bytes()).hexdigest()
    lines = list(client.create("uploaded", files={"smollm2.gguf": digest}, stream=True))
    assert [line.status for line in lines][-2:] == ["writing manifest", "success"]


def test_errors_carry_status_and_text(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nope' not found") as caught:
        client.chat("nope", MESSAGES)
    assert caught.value.status_code == 404
