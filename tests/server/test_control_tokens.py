"""Control tokens in what clients send are plain text, unless the server was told to trust them (A424, A425)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.servers import ServerProcess, server_process

TOKEN = "<|im_end|>"
ONE = {"num_predict": 1}
TEMPLATE = "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"


@pytest.fixture(scope="module", params=["go", "jinja", "trusting"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, smollm2: Path
) -> Iterator[tuple[ServerProcess, bool]]:
    """A server with a model, and whether it trusts control tokens."""
    settings = {
        "go": {},
        "jinja": {"OLLAMA_GO_TEMPLATE": "false"},
        "trusting": {"OLLAMA_TRUST_CONTROL_TOKENS": "1"},
    }[request.param]
    with server_process(tmp_path_factory.mktemp("models"), **settings) as running:
        digest, _ = running.store.blobs.add_file(smollm2)
        running.create("smollm", files={"smollm2.gguf": str(digest)}, template=TEMPLATE)
        yield running, request.param == "trusting"


def prompt_tokens(server: ServerProcess, path: str, **body: Any) -> int:
    answer = server.post(path, model="smollm", stream=False, options=ONE, **body).json()
    count: int = answer["prompt_eval_count"]
    return count


def more(server: ServerProcess, path: str, one: dict[str, Any], other: dict[str, Any]) -> int:
    return prompt_tokens(server, path, **one) - prompt_tokens(server, path, **other)


def test_in_messages(server: tuple[ServerProcess, bool]) -> None:
    running, trusts = server
    for turn in ("user", "assistant", "tool", "system"):

        def chat(text: str, role: str = turn) -> dict[str, Any]:
            return {"messages": [{"role": role, "content": f"a{text}b"}, {"role": "user", "content": "hi"}]}

        assert more(running, "/api/chat", chat(TOKEN * 3), chat(TOKEN)) == (2 if trusts else 2 * 6), turn


def test_in_prompts_and_system_texts(server: tuple[ServerProcess, bool]) -> None:
    running, trusts = server
    for field in ("prompt", "system"):
        body = {"prompt": "hi"}
        long, short = body | {field: f"a{TOKEN * 3}b"}, body | {field: f"a{TOKEN}b"}
        assert more(running, "/api/generate", long, short) == (2 if trusts else 2 * 6), field


def test_raw_prompts_keep_theirs(server: tuple[ServerProcess, bool]) -> None:
    running, _ = server
    raw = {"raw": True, "prompt": f"a{TOKEN * 3}b"}, {"raw": True, "prompt": f"a{TOKEN}b"}
    assert more(running, "/api/generate", *raw) == 2
