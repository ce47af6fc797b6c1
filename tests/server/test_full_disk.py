"""A disk that is full: the request fails with the system's words, nothing half-written stays, the server goes on."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import library
from support.servers import ServerProcess, refusal, server_process

NO_SPACE = "no space left on device"


@pytest.fixture
def models(small_disk: Path) -> Path:
    return small_disk / "models"


@pytest.fixture
def cramped(models: Path) -> Iterator[ServerProcess]:
    """A server with 256 KiB, some of it taken by the model ``small``."""
    with server_process(models) as server:
        digest, _ = server.store.blobs.add_bytes(library.tiny_gguf())
        server.create("small", files={"tiny.gguf": str(digest)})
        yield server


def files(models: Path) -> set[str]:
    return {str(path.relative_to(models)) for path in models.rglob("*") if path.is_file()}


def test_an_upload_that_does_not_fit_leaves_nothing(cramped: ServerProcess, models: Path) -> None:
    content = secrets.token_bytes(400_000)
    before = files(models)

    status, text = refusal(
        cramped.http.post(f"/api/blobs/sha256:{hashlib.sha256(content).hexdigest()}", content=content)
    )

    assert status == 500
    assert NO_SPACE in text.lower()
    assert files(models) == before
    assert [model["name"] for model in cramped.http.get("/api/tags").json()["models"]] == ["small:latest"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_does_not_fit_leaves_the_old_one(cramped: ServerProcess, models: Path, stream: bool) -> None:
    before = files(models)

    answer = cramped.post("/api/create", model="small", **{"from": "small"}, system="x" * 400_000, stream=stream)

    assert NO_SPACE in json.loads(answer.text.splitlines()[-1])["error"].lower()
    assert answer.status_code == 500  # it fails before there is anything to say
    assert files(models) == before
    cramped.create("other", **{"from": "small"}, system="short")
