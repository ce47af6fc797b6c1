"""Fixtures that every area shares. Those of one area live beside its tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import models


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """A real model: SmolLM2-135M-Instruct, Q4_1, 98 MB. PYOLLAMA_TEST_GGUF names another file to use."""
    return models.smollm2()
