"""A child process with pipes, as Trio streams, that cannot outlive this process.

Not trio.lowlevel.open_process: that forks in a worker thread, and the kernel sends a child its parent-death signal when
the thread that forked it ends, which for an idle worker thread is after seconds.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from typing import IO

import trio

KEPT_LINES = 20
LONGEST_LINE = 1 << 16  # bytes; longer ones are cut
REAP_SECONDS = 5.0
_log = logging.getLogger("pyollama.runner")


class ChildProcess:
    """A started process. ``stdin`` is a stream; stderr goes to the log while ``follow_stderr`` runs."""

    def __init__(self, command: Sequence[str], *, name: str) -> None:
        """Start it. Blocks for the few milliseconds of a fork.

        Raises:
            OSError: the system cannot start it: no memory, too many processes or open files.
        """
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.stderr_ended = trio.Event()
        popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        assert popen.stdin and popen.stdout and popen.stderr
        self._popen = popen
        self.pid = popen.pid
        self.stdin = _to_trio(popen.stdin)
        self._stdout = popen.stdout
        os.set_blocking(self._stdout.fileno(), False)
        self._stderr = _to_trio(popen.stderr)

    async def read(self, size: int) -> bytes:
        """Bytes of stdout, b"" at its end. Cheaper than a Trio stream, which yields before it looks at the pipe."""
        fd = self._stdout.fileno()
        while True:
            await trio.lowlevel.wait_readable(fd)
            try:
                return os.read(fd, size)
            except BlockingIOError:  # readiness may be stale
                continue

    async def follow_stderr(self) -> None:
        """Log each line with the process's name, and keep the last ones. Ends with the stream."""
        rest = b""
        async for data in self._stderr:
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._keep(line)
        self._keep(rest)
        self.stderr_ended.set()

    def _keep(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if text:
            self.last_lines.append(text)
            _log.info("%s: %s", self.name, text)

    def kill(self) -> None:
        """SIGKILL. No effect on a process that has ended."""
        self._popen.kill()

    async def wait(self) -> int:
        """Wait for the end and reap it. Minus the signal's number if one ended it, else the exit status."""
        status = self._popen.poll()
        if status is None:
            status = await trio.to_thread.run_sync(self._popen.wait, abandon_on_cancel=True)
        return status

    async def end(self) -> None:
        """Kill and reap it and close the pipes, even in a cancelled scope. Idempotent."""
        self.kill()
        with trio.move_on_after(REAP_SECONDS, shield=True) as scope:
            await self.wait()
            await self.stdin.aclose()
            await self._stderr.aclose()
        if scope.cancelled_caught:  # stuck in the kernel; it dies as soon as its system call returns
            _log.error("%s: process %d does not end", self.name, self.pid)
        self._stdout.close()


def describe_exit(status: int) -> str:
    """How a process ended, for people: ``killed by SIGKILL`` or ``exit status 1``."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _to_trio(pipe: IO[bytes]) -> trio.lowlevel.FdStream:
    with pipe:
        return trio.lowlevel.FdStream(os.dup(pipe.fileno()))
