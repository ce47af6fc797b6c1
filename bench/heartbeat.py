"""The server with a clock beside its tasks, to see how long its event loop keeps anybody waiting.

``python -m bench.heartbeat FILE`` is ``pyollama serve``; each time the loop is late it adds a line ``WHEN SECONDS CPU``
to the file: seconds of the monotonic clock, how late, and how much of that time the process had on a processor. With
``--alone`` there is no server: what is late then is the machine. With ``--stacks`` the file ``FILE.stacks`` tells what
every thread did when the loop was 20 ms late.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

BEAT_SECONDS = 0.002
WORTH_A_LINE = 0.002  # seconds
WORTH_A_STACK = 0.020
PRIORITY = -15  # so that other work on the machine disturbs less


async def beat(path: Path) -> None:
    """Note for ever when the loop is late."""
    with path.open("ab", buffering=0) as notes, path.with_suffix(".stacks").open("w") as stacks:
        while True:
            due = time.monotonic() + BEAT_SECONDS
            worked = time.process_time()
            if "--stacks" in sys.argv:
                faulthandler.dump_traceback_later(BEAT_SECONDS + WORTH_A_STACK, file=stacks)
            await trio.sleep(BEAT_SECONDS)
            late = time.monotonic() - due
            if late >= WORTH_A_LINE:
                notes.write(b"%.6f %.6f %.6f\n" % (due, late, min(late, time.process_time() - worked)))


async def beside(path: Path, function: Callable[..., Awaitable[object]], *args: object) -> None:
    """Run the function with the heartbeat beside it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(beat, path)
        await function(*args)
        nursery.cancel_scope.cancel()


def main() -> None:
    path = Path(sys.argv[1])
    with contextlib.suppress(OSError):  # not everybody may
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    if "--alone" in sys.argv:
        trio.run(beat, path)
        return
    run = trio.run
    trio.run = lambda *args: run(beside, path, *args)
    from pyollama.config import Settings
    from pyollama.server.main import serve

    serve(Settings.from_env(os.environ))


if __name__ == "__main__":
    main()
