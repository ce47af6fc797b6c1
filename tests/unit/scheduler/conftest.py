from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.scheduling import Gate, MakeModel
from support.stored_models import header_only, store_model

from pyollama.scheduler import host_memory
from pyollama.store import Model, Store


@pytest.fixture(autouse=True)
def a_large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_memory, "available_bytes", lambda: 64 << 30)
    monkeypatch.setattr("pyollama.scheduler.scheduler.count_gpus", no_gpu)
    monkeypatch.setattr("pyollama.scheduler.placement.machine_threads", lambda: (4, 8))


async def no_gpu() -> int:
    return 0


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Models of different weights, by name."""
    store = Store(tmp_path / "models")
    return lambda name, **keys: store_model(store, name, header_only(general__name=name, **keys))


@pytest.fixture
def model(make_model: MakeModel) -> Model:
    return make_model("tiny")


@pytest.fixture
def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    gate = Gate(tmp_path)
    yield gate
    gate.close()
