"""A real server with a real model, for programs that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import tiny_models
from support.servers import ServerProcess, server_process
from support.stored_models import store_model


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[ServerProcess]:
    """A real server in a process of its own, with the models ``smollm`` and ``alphabet`` (tests/server/conftest.py)."""
    with server_process(tmp_path_factory.mktemp("models")) as running:
        store_model(running.store, "alphabet", tiny_models.alphabet(tmp_path_factory.mktemp("alphabet") / "a.gguf"))
        digest, _ = running.store.blobs.add_file(smollm2)
        running.create("smollm", files={"smollm2.gguf": str(digest)}, parameters={"temperature": 0})
        yield running
