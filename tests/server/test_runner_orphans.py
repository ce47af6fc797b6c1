"""No runner process outlives its server, however that ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.stored_models import store_model

from pyollama.store import Store


@pytest.fixture
def store(tmp_path: Path, smollm2: Path) -> Store:
    """With the model ``smollm2``."""
    found = Store(tmp_path / "models")
    store_model(found, "smollm2", smollm2)
    return found


@contextmanager
def watched(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process is gone; works for those that are not our children."""
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)


def is_gone(fd: int, seconds: float = 10) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


SERVER = """
import sys, trio
from pathlib import Path
from pyollama.config import Settings
from pyollama.scheduler import Options, Scheduler
from pyollama.store import ModelName, Store

async def main():
    scheduler = Scheduler(Settings())
    model = Store(Path(sys.argv[1])).open_model(ModelName.parse("smollm2"))
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        async with scheduler.use(model, Options(), None) as lease:
            async with lease.generate(["Once upon a time"], Options(), truncate=True, shift=True) as events:
                await events.receive()
                print(*scheduler.pids(), flush=True)
                while True:
                    await events.receive()

trio.run(main)
"""


@contextmanager
def server(store: Store) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with a busy runner, and the runner's process id."""
    command = [sys.executable, "-c", SERVER, str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_runner_survives_its_server(store: Store, number: signal.Signals) -> None:
    with server(store) as (process, runner), watched(runner) as runner_fd:
        process.send_signal(number)
        process.wait(10)
        assert is_gone(runner_fd)


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    command = [sys.executable, "-m", "pyollama.runner.child", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.wait(10) == 0


def test_a_child_ends_with_its_stdin() -> None:
    command = [sys.executable, "-m", "pyollama.runner.child", str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 0


def test_the_child_loads_neither_trio_nor_the_web_framework() -> None:
    code = "import sys, pyollama.runner.child; print({'trio', 'quart', 'httpx', 'numpy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
