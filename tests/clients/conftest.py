"""A real server with a real model, for programs that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import ServerProcess, server_process


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[ServerProcess]:
    """A real server in a process of its own, with the model ``smollm``."""
    with server_process(tmp_path_factory.mktemp("models")) as running:
        digest, _ = running.store.blobs.add_file(smollm2)
        running.create("smollm", files={"smollm2.gguf": str(digest)}, parameters={"temperature": 0})
        yield running
