"""A store in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyollama.store import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def store(root: Path) -> Store:
    return Store(root)
