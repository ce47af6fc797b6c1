"""A create on worker threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from pyollama.create import CreateSpec, Progress, create
from pyollama.create.pipeline import in_threads
from pyollama.errors import CreateError
from pyollama.store import Model, Store


async def test_status_lines_arrive_in_order(store: Store, weights: str, opened: Callable[[str], Model]) -> None:
    async with in_threads(create(store, CreateSpec("m", files={"t.gguf": weights}))) as lines:
        told = [line.status async for line in lines]
    assert (told[0], told[-1]) == ("parsing GGUF", "success")
    assert opened("m").name.model == "m"


async def test_errors_pass_through(store: Store) -> None:
    with pytest.raises(CreateError, match="unknown type"):
        async with in_threads(create(store, CreateSpec("m", files={}))) as lines:
            async for _ in lines:
                pass


async def test_steps_run_outside_the_event_loop() -> None:
    threads = set()

    def steps():
        threads.add(threading.current_thread())
        yield Progress("one")

    async with in_threads(steps()) as lines:
        async for _ in lines:
            pass
    assert threading.main_thread() not in threads


async def test_leaving_early_takes_back_what_was_written(
    store: Store, weights: str, snapshot: Callable[[], dict[str, bytes]], root: Path
) -> None:
    before = snapshot()
    spec = CreateSpec("m", files={"t.gguf": weights}, system="s")
    async with in_threads(create(store, spec)) as lines:
        async for line in lines:
            if line.status == "writing manifest":
                break
    assert snapshot() == before


async def test_a_cancelled_create_takes_back_what_was_written(
    store: Store, weights: str, snapshot: Callable[[], dict[str, bytes]]
) -> None:
    before = snapshot()
    spec = CreateSpec("m", files={"t.gguf": weights}, system="s")
    with trio.CancelScope() as scope:
        async with in_threads(create(store, spec)) as lines:
            async for line in lines:
                if line.status == "writing manifest":
                    scope.cancel()
    assert scope.cancelled_caught
    assert snapshot() == before
