"""Fixtures that every area shares. Those of one area live beside its tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support import models

# How fast this machine is today is not a property of the code under test.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """A real model: SmolLM2-135M-Instruct, Q4_1, 98 MB. PYOLLAMA_TEST_GGUF names another file to use."""
    return models.smollm2()
