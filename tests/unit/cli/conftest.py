"""A scripted server, and the command line run inside the test's process."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pyollama.cli import main

NDJSON = "application/x-ndjson"


@dataclass
class Scripted:
    """Answers by method and path; remembers what was asked. Stands for servers that no real one can be made to be."""

    url: str = ""
    answers: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, body: Any = b"", status: int = 200) -> None:
        self.answers[method, path] = (status, body if isinstance(body, bytes) else json.dumps(body).encode())

    def stream(self, path: str, *records: Any) -> None:
        self.answers["POST", path] = (200, b"".join(json.dumps(record).encode() + b"\n" for record in records))

    def bodies(self, path: str) -> list[Any]:
        return [body for _, asked, body in self.asked if asked == path]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    scripted = Scripted()
    scripted.answer("HEAD", "/")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet for head and body

        def reply(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                body: Any = json.loads(raw) if raw else None
            except ValueError:
                body = raw
            scripted.asked.append((self.command, self.path, body))
            status, content = scripted.answers.get((self.command, self.path), (404, b'{"error":"not scripted"}'))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_HEAD = do_DELETE = reply  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scripted.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("PYOLLAMA_HOST", scripted.url)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield scripted
        server.shutdown()
        thread.join()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Outcome]:
    """Run one command line with text on standard input; both streams are pipes."""
    for name in ("OLLAMA_HOST", "OLLAMA_DEBUG", "OLLAMA_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*args: str, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main.run(args)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return run
