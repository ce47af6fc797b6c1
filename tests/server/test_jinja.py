"""A server that prefers the Jinja template inside the GGUF to the model's Go template."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import ServerProcess, server_process


@pytest.fixture(scope="module")
def jinja_server(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[ServerProcess]:
    with server_process(tmp_path_factory.mktemp("models"), OLLAMA_GO_TEMPLATE="false") as running:
        digest, _ = running.store.blobs.add_file(smollm2)
        running.create("smollm", files={"smollm2.gguf": str(digest)}, parameters={"temperature": 0})
        yield running


def test_a_chat_is_rendered_by_the_template_of_the_weights(jinja_server: ServerProcess) -> None:
    messages = [{"role": "user", "content": "Why is the sky blue?"}]
    rendered = jinja_server.rendered("/api/chat", model="smollm", messages=messages)
    assert "You are a helpful AI assistant named SmolLM" in rendered  # only that template says so
    assert rendered.endswith("<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n")


def test_a_prompt_is_rendered_by_the_template_of_the_weights(jinja_server: ServerProcess) -> None:
    rendered = jinja_server.rendered("/api/generate", model="smollm", prompt="hi", system="Be brief.")
    assert rendered == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_show_tells_the_template_that_is_used(jinja_server: ServerProcess) -> None:
    assert "{%" in jinja_server.post("/api/show", model="smollm").json()["template"]
