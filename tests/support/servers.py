"""Servers for tests: the real one in a process of its own, or one in the test's nursery with a scripted engine."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import trio
from quart import Blueprint
from support import scripted_runner

from pyollama.config import Address, Settings
from pyollama.scheduler import Scheduler
from pyollama.server.app import make_app
from pyollama.server.main import run_app
from pyollama.server.services import Services
from pyollama.store import Store

SERVE = "import os; from pyollama.config import Settings; from pyollama.server.main import serve; " + (
    "serve(Settings.from_env(os.environ))"
)
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")


class Server:
    """A server that listens on a loopback port."""

    def __init__(self, port: int, models: Path, scheduler: Scheduler | None = None) -> None:
        self.port = port
        self.scheduler = scheduler
        self.stopping = trio.Event()
        self.url = f"http://127.0.0.1:{port}"
        self.store = Store(models)
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def post(self, path: str, /, **body: Any) -> httpx.Response:
        return self.http.post(path, json=body)

    def lines(self, path: str, /, **body: Any) -> list[dict[str, Any]]:
        """A stream, read to its end."""
        answer = self.post(path, **body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.text.endswith("\n")
        return [json.loads(line) for line in answer.text.splitlines()]

    def generate(self, **body: Any) -> Any:
        """The answer of a generate that does not stream."""
        answer = self.post("/api/generate", **body, stream=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def chat(self, **body: Any) -> Any:
        answer = self.post("/api/chat", **body, stream=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def create(self, model: str, /, **body: Any) -> None:
        answer = self.post("/api/create", model=model, stream=False, **body)
        assert (answer.status_code, answer.json()) == (200, {"status": "success"}), answer.text

    def rendered(self, path: str, /, **body: Any) -> str:
        """The prompt that a request leads to."""
        answer = self.post(path, **body, _debug_render_only=True)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["_debug_info"]["rendered_template"])

    def loaded(self) -> dict[str, dict[str, Any]]:
        """The rows of /api/ps by name."""
        return {row["name"]: row for row in self.http.get("/api/ps").json()["models"]}

    async def stop(self) -> None:
        """What a signal does to a real server; waits until no request runs. Only in the test's own process."""
        self.stopping.set()
        while self.requests_running():  # noqa: ASYNC110  # there is no event for it
            await trio.sleep(0.01)

    def requests_running(self) -> int:
        """How many requests hold a model. Only of a server in the test's own process."""
        assert self.scheduler is not None
        return sum(entry.users for entry in self.scheduler._loaded.values())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and text of an error, whose shape is checked."""
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert list(body) == ["error"]
    return answer.status_code, body["error"]


# --- a process of its own ---------------------------------------------------------------------------------------------


class ServerProcess(Server):
    """The real server. Its log is kept in ``log``."""

    def __init__(self, process: subprocess.Popen[str], port: int, models: Path, log: list[str]) -> None:
        super().__init__(port, models)
        self.process = process
        self.log = log

    def runners(self) -> set[int]:
        """Process ids of its children."""
        return set(map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the exit status."""
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def server_process(models: Path, **environ: str) -> Iterator[ServerProcess]:
    """A server with its own folder of models, until the block ends."""
    inherited = {key: value for key, value in os.environ.items() if "OLLAMA" not in key}
    env = inherited | {"OLLAMA_HOST": "127.0.0.1:0", "OLLAMA_MODELS": str(models)} | environ
    process = subprocess.Popen([sys.executable, "-P", "-c", SERVE], env=env, stderr=subprocess.PIPE, text=True)
    log: list[str] = []
    try:
        port = _wait_for_port(process, log)
        follower = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
        follower.start()
        server = ServerProcess(process, port, models, log)
        with server.http:
            yield server
    finally:
        process.terminate()
        process.wait(20)
        if process.stderr:
            process.stderr.close()


def _wait_for_port(process: subprocess.Popen[str], log: list[str]) -> int:
    assert process.stderr
    for line in process.stderr:
        log.append(line)
        if found := _LISTENING.search(line):
            return int(found[1])
    raise AssertionError("the server did not start:\n" + "".join(log))


# --- in the test's own process ----------------------------------------------------------------------------------------


@asynccontextmanager
async def scripted_server(
    models: Path, script: str, *, more: Sequence[Blueprint] = (), **settings: Any
) -> AsyncIterator[Server]:
    """A server whose runner processes do what ``script`` says (support.scripted_runner). ``more``: endpoints."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    values = Settings(host=Address(port=port), models=models, **settings)
    scheduler = Scheduler(values, command=scripted_runner.command("send(loaded)\n" + script))
    server = Server(port, models, scheduler)
    with trio.fail_after(60), server.http:
        async with trio.open_nursery() as nursery:
            await nursery.start(scheduler.run)
            app = make_app(Services(values, server.store, scheduler))
            for blueprint in more:
                app.register_blueprint(blueprint)
            await nursery.start(run_app, app, [listener], server.stopping)
            yield server
            nursery.cancel_scope.cancel()
