"""The whole of pyollama once: start a server, create a model, ask it something, stop.

Run by ``make demo``, which builds everything first. Its store is .cache/demo, so that it meddles with no other models.
Exit status 0 only if the model answered.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYOLLAMA = Path(sys.executable).with_name("pyollama")
QUESTION = "Why is the sky blue?"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
LEAST_WORDS = 5


def main() -> int:
    address = f"127.0.0.1:{free_port()}"
    env = os.environ | {"PYOLLAMA_HOST": address, "PYOLLAMA_MODELS": str(ROOT / ".cache/demo/models")}
    with server(address, env):
        show("pyollama", "create", "smollm2", "-f", "examples/Modelfile", env=env)
        answer = show("pyollama", "run", "smollm2", QUESTION, env=env)
    if len(answer.split()) < LEAST_WORDS:  # which words they are depends on the processor's arithmetic
        print("\nThe demo failed: that is no answer.", file=sys.stderr)
        return 1
    return 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(address: str, env: dict[str, str]) -> Iterator[None]:
    """A server that is up inside the block and gone after it. Its log goes to .cache/demo/server.log."""
    log = ROOT / ".cache/demo/server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"$ PYOLLAMA_HOST={address} pyollama serve &", flush=True)
    with (
        log.open("wb") as stderr,
        subprocess.Popen([PYOLLAMA, "serve"], env=env, stderr=stderr, stdout=stderr) as process,
    ):
        try:
            wait_until_up(address, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_up(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"The server did not start:\n{log.read_text()}")
            time.sleep(0.05)


def show(*command: str, env: dict[str, str]) -> str:
    """Run a command as a reader would type it, let its output through as it comes, and return it."""
    print("$ " + " ".join(f'"{word}"' if " " in word else word for word in command), flush=True)
    output = bytearray()
    with subprocess.Popen([PYOLLAMA, *command[1:]], env=env, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := os.read(process.stdout.fileno(), 4096):
            output += piece
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
    if process.returncode:
        sys.exit(f"'{' '.join(command)}' failed with status {process.returncode}; log: .cache/demo/server.log")
    return output.decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
