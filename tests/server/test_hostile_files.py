"""B1: one model file with a nonsensical header in the store hurts no other model and not the server."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from support import library
from support.gguf_writer import Typed
from support.servers import ServerProcess, refusal

from pyollama.store import ModelName

HOSTILE = {
    "layers": {"llama.block_count": 2**32 - 1},
    "context": {"llama.context_length": Typed("uint64", 2**64 - 1)},
    "negative": {"llama.embedding_length": Typed("int64", -(2**63))},
    "nan": {"llama.attention.head_count": math.nan},
    "heads": {"llama.attention.head_count_kv": Typed("uint32", [2**32 - 1] * 100_000)},
    "text": {"llama.block_count": "many"},
}


@pytest.fixture(params=HOSTILE)
def hostile(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a model that no create made."""
    library.put_model(server.store.root, request.param, [("model", library.tiny_gguf(HOSTILE[request.param]))])
    yield request.param
    server.store.delete(ModelName.parse(request.param))


def test_b1_it_is_listed_shown_and_refused_by_name(server: ServerProcess, hostile: str) -> None:
    names = {entry["name"] for entry in server.http.get("/api/tags").json()["models"]}
    assert {f"{hostile}:latest", "smollm:latest"} <= names
    assert server.post("/api/show", model=hostile, verbose=True).status_code == 200
    status, text = refusal(server.post("/api/generate", model=hostile, prompt="hi"))
    assert status == 500
    assert text.startswith("failed to load model: ") and next(iter(HOSTILE[hostile])) in text
    assert server.http.get("/api/version").status_code == 200


def test_b1_it_is_refused_at_create(server: ServerProcess, hostile: str) -> None:
    digest = library.put_blob(server.store.root, library.tiny_gguf(HOSTILE[hostile]))
    status, text = refusal(server.post("/api/create", model="n", stream=False, files={"m.gguf": digest}))
    assert status == 400
    assert text.startswith(f"m.gguf: {next(iter(HOSTILE[hostile]))} ") and "(at byte " in text
