"""Ways to create, and to look at what was created."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import library

from pyollama.create import CreateSpec, create
from pyollama.store import Model, ModelName, Store

Make = Callable[..., list[str]]


@pytest.fixture
def make(store: Store) -> Make:
    """Create ``name`` from the fields of a spec; the status lines."""

    def run(name: str, **fields: Any) -> list[str]:
        return [line.status for line in create(store, CreateSpec(name, **fields))]

    return run


@pytest.fixture
def opened(store: Store) -> Callable[[str], Model]:
    return lambda name: store.open_model(ModelName.parse(name))


@pytest.fixture
def weights(root: Path) -> str:
    """The digest of an uploaded GGUF file."""
    return library.put_blob(root, library.tiny_gguf())


@pytest.fixture
def snapshot(root: Path) -> Callable[[], dict[str, bytes]]:
    """Every file of the store but the lock file, by path, with its content."""

    def take() -> dict[str, bytes]:
        files = (path for path in root.rglob("*") if path.is_file() and path.name != ".pyollama.lock")
        return {str(path.relative_to(root)): path.read_bytes() for path in files}

    return take
