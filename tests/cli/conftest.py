"""The real command against a real server with a real model, and a terminal to use it in."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "pyollama"]
WAIT_SECONDS = 60.0
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r")


@dataclass(frozen=True)
class Place:
    """A home folder with its store, and the address of the server that uses it."""

    home: Path
    host: str

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if "OLLAMA" not in name and name != "NO_COLOR"}
        return kept | {"HOME": str(self.home), "OLLAMA_HOST": self.host, "TERM": "xterm-256color", "NO_PROXY": "*"}

    def run(self, *args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *args], input=stdin, env=self.env | env, capture_output=True, text=True, timeout=WAIT_SECONDS
        )

    @contextmanager
    def started(self, *args: str) -> Iterator[subprocess.Popen[str]]:
        """The command while it runs, with nothing on standard input; killed if it outlives the block."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen([*COMMAND, *args], env=self.env, text=True, **pipes) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()


@contextmanager
def serving(home: Path) -> Iterator[tuple[Place, subprocess.Popen[bytes]]]:
    """``pyollama serve`` on a free port, until the block ends. Its log is in ``serve.log``."""
    log = home / "serve.log"
    with log.open("wb") as file:
        env = Place(home, "127.0.0.1:0").env
        process = subprocess.Popen([*COMMAND, "serve"], env=env, stdin=subprocess.DEVNULL, stderr=file)
    with process:
        try:
            yield Place(home, _address(process, log)), process
        finally:
            process.terminate()
            process.wait(WAIT_SECONDS)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server listens, as soon as its log says so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"Listening on ([\d.]+:\d+)", log.read_text("utf-8")):
            return found[1]
        time.sleep(0.02)
    raise AssertionError(f"the server did not start:\n{log.read_text('utf-8')}")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[Place]:
    """A server that has the model ``smollm2``."""
    home = tmp_path_factory.mktemp("home")
    (home / "Modelfile").write_text(f"FROM {smollm2}\nPARAMETER temperature 0\nPARAMETER num_predict 16\n")
    with serving(home) as (place, _):
        created = place.run("create", "smollm2", "-f", str(home / "Modelfile"))
        assert created.returncode == 0, created.stderr
        yield place


class Terminal:
    """A program in a terminal of its own: what it writes, what is typed."""

    def __init__(self, args: list[str], env: dict[str, str], columns: int = 80) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns)
        self.process = subprocess.Popen(
            [*COMMAND, *args],
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.raw = ""
        self._seen = 0

    @property
    def text(self) -> str:
        """All output without escape codes."""
        return _ESCAPES.sub("", self.raw)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def expect(self, pattern: str) -> str:
        """Wait until the output since the last match holds a pattern; what was written up to its end."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            if found := re.compile(pattern, re.DOTALL).search(self.text, self._seen):
                before, self._seen = self._seen, found.end()
                return self.text[before : self._seen]
            assert self._read(deadline), f"{pattern!r} did not come; the terminal shows:\n{self.text[-2000:]}"

    def wait(self) -> int:
        """The exit status, after all output was read."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self._read(deadline):
            pass
        return self.process.wait(WAIT_SECONDS)

    def echoes(self) -> bool:
        """The terminal is as a shell wants it: it shows what is typed, line by line."""
        flags = termios.tcgetattr(self.master)[3]
        return bool(flags & termios.ECHO and flags & termios.ICANON)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # the program is gone
                return False
            raise
        self.raw += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
def terminal(place: Place, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start the command in a terminal, with a home folder of its own."""
    opened: list[Terminal] = []

    def start(*args: str, columns: int = 80, **env: str) -> Terminal:
        opened.append(Terminal(list(args), place.env | {"HOME": str(tmp_path)} | env, columns))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
