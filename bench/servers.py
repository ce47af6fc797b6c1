"""The two servers that are compared: ours, and a peer's in a virtual environment of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PEER_PACKAGE = "xllamacpp==2026.10.11549"
CACHE = Path(__file__).parent.parent / ".cache"


@dataclass(frozen=True)
class Running:
    """A server that answers on a loopback port."""

    pid: int
    port: int
    host: str = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"the server ended with status {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not start within 60 s")


@contextmanager
def ours(model: Path, threads: int, command: Sequence[str] = ()) -> Iterator[Running]:
    """``pyollama serve`` with an empty store into which the model was created as ``bench``.

    ``command`` starts it in another way.
    """
    with tempfile.TemporaryDirectory() as store:
        port = free_port()
        environment = os.environ | {"PYOLLAMA_HOST": f"127.0.0.1:{port}", "PYOLLAMA_MODELS": store}
        log = (CACHE / "bench-server.log").open("wb")
        pyollama = [sys.executable, "-m", "pyollama"]
        process = subprocess.Popen(command or [*pyollama, "serve"], env=environment, stderr=log)
        try:
            until_answers(port, process)
            modelfile = Path(store) / "Modelfile"
            modelfile.write_text(f"FROM {model.resolve()}\nPARAMETER num_thread {threads}\n")
            subprocess.run([*pyollama, "create", "bench", "-f", modelfile], env=environment, check=True, stderr=log)
            yield Running(process.pid, port)
        finally:
            process.terminate()
            process.wait()


PEER_PROGRAM = """
import sys, signal, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params.n_parallel, params.n_ctx = 8, 8 * 2048
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(params)
signal.pause()
"""


@contextmanager
def peer(model: Path, threads: int) -> Iterator[Running]:
    """xllamacpp: llama.cpp's own server inside a Python package, with 8 slots."""
    home = CACHE / "peer-venv"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", PEER_PACKAGE], check=True)
    port = free_port()
    log = (CACHE / "bench-peer.log").open("wb")
    command = [str(python), "-c", PEER_PROGRAM, str(model), str(port), str(threads)]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until_answers(port, process)
        yield Running(process.pid, port)
    finally:
        process.terminate()
        process.wait()
