"""A scheduler over scripted runner processes, and what its tests ask of it."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import trio
import trio.testing
from support.scripted_runner import command

from pyollama.config import Settings
from pyollama.scheduler import Lease, Options, Scheduler
from pyollama.store import Model
from pyollama.wire import runner as wire

# A prompt says what to do; n_vocab tells the process id.
ENGINE = """
send(loaded)
for command in inbox:
    match command:
        case wire.Generate(prompt=["die"]):
            os.abort()
        case wire.Generate(prompt=["no memory"]):
            send(wire.Failed(command.id, "no_memory", "out of memory"))
        case wire.Generate(prompt=["too long"]):
            send(wire.Failed(command.id, "too_long", "", 10, command.n_ctx))
        case wire.Generate():
            said = f"{command.n_ctx} {command.num_predict} {command.truncate}"
            send(wire.Piece(command.id, said), wire.Finished(command.id, "stop", 1, 0, 5, 2, 5))
        case wire.Embed():
            send(wire.Embedded(command.id, [b"\\0" * 4 for text in command.texts], 3))
        case wire.Render():
            send(wire.Rendered(command.id, b'{"prompt": ["p"]}'))
"""

ON_GPU = "loaded.n_gpu_layers = 3\n" + ENGINE

PLAIN = Options()
MakeModel = Callable[..., Model]


@asynccontextmanager
async def scheduling(script: str = ENGINE, **settings: object) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(replace(Settings(), **settings), command=command(script))
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        yield scheduler
        nursery.cancel_scope.cancel()


async def text_of(lease: Lease, prompt: str, options: Options = PLAIN, *, shift: bool = True) -> str:
    async with lease.generate([prompt], options, truncate=True, shift=shift) as events:
        return "".join([event.text async for event in events if isinstance(event, wire.Piece)])


async def pid_of(scheduler: Scheduler, model: Model, options: Options = PLAIN, keep_alive: float | None = None) -> int:
    """Use a model for a moment; the process id of its runner."""
    async with scheduler.use(model, options, keep_alive) as lease:
        return lease.info.n_vocab


def users(scheduler: Scheduler) -> int:
    return sum(entry.users for entry in scheduler._loaded.values())


async def until_gone(scheduler: Scheduler, model: Model) -> None:
    for entry in list(scheduler._loaded.values()):
        if entry.model.name == model.name:
            await entry.gone.wait()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - states of several objects, some of them in other processes
        await trio.sleep(0.001)


class Gate:
    """Holds up loads in the runner processes until it is opened for one of them."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "gate"
        os.mkfifo(self._path)
        self._fd = os.open(self._path, os.O_RDWR)
        self.script = f"send(wire.Loading(0.1))\nos.read(os.open({str(self._path)!r}, os.O_RDONLY), 1)\n" + ENGINE

    def open_for_one(self) -> None:
        os.write(self._fd, b"x")

    def close(self) -> None:
        os.close(self._fd)
