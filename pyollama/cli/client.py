"""The HTTP side of the command line: one call per endpoint, errors in Ollama's words.

Safe for use by several threads at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pyollama import __version__
from pyollama.cli.transport import Answer, Transport
from pyollama.config import Address
from pyollama.errors import ApiError, CommandFailed, ServerUnreachable

Json = dict[str, Any]
T = TypeVar("T")


class Client:
    """What one server can do."""

    def __init__(self, address: Address) -> None:
        self.base_url = address.client_url
        self._http = Transport(self.base_url, {"User-Agent": f"pyollama/{__version__}"})

    # --- single answers -----------------------------------------------------------------------------------------------

    def heartbeat(self) -> None:
        """Make sure that a server answers.

        Raises:
            ServerUnreachable: nothing listens there.
            CommandFailed: any other failure, in the words of the system.
        """
        self._send("HEAD", "/")

    def version(self) -> Json:
        return self._json("GET", "/api/version")

    def tags(self) -> Json:
        return self._json("GET", "/api/tags")

    def ps(self) -> Json:
        return self._json("GET", "/api/ps")

    def raw(self, path: str) -> bytes:
        """The body of a GET exactly as the server sent it."""
        return self._send("GET", path)

    def show(self, model: str, **fields: Any) -> Json:
        return self._json("POST", "/api/show", {"model": model, **fields})

    def show_raw(self, model: str, **fields: Any) -> bytes:
        return self._send("POST", "/api/show", {"model": model, **fields})

    def copy(self, source: str, destination: str) -> None:
        self._send("POST", "/api/copy", {"source": source, "destination": destination})

    def delete(self, model: str) -> None:
        self._send("DELETE", "/api/delete", {"model": model})

    def embed(self, **fields: Any) -> Json:
        return self._json("POST", "/api/embed", fields)

    def unload(self, model: str) -> None:
        """Free a model's memory. A model that is not loaded is fine; an unknown one is a 404 ApiError."""
        self.show(model)
        for _ in self.generate(model=model, keep_alive=0):
            pass

    def has_blob(self, digest: str) -> bool:
        with self._http.send("HEAD", f"/api/blobs/{digest}") as reply:
            return reply.status == 200

    def upload(self, digest: str, chunks: Iterable[bytes], size: int) -> None:
        """Store ``size`` bytes under their digest."""
        with self._http.send("POST", f"/api/blobs/{digest}", chunks, {"Content-Length": str(size)}) as reply:
            _body(reply)

    # --- streams of records -------------------------------------------------------------------------------------------

    def generate(self, **fields: Any) -> Iterator[Json]:
        return self.stream("/api/generate", fields)

    def chat(self, **fields: Any) -> Iterator[Json]:
        return self.stream("/api/chat", fields)

    def create(self, **fields: Any) -> Iterator[Json]:
        return self.stream("/api/create", fields)

    def pull(self, model: str, *, insecure: bool = False) -> Iterator[Json]:
        return self.stream("/api/pull", {"model": model, "insecure": insecure})

    def push(self, model: str, *, insecure: bool = False) -> Iterator[Json]:
        return self.stream("/api/push", {"model": model, "insecure": insecure})

    def stream(self, path: str, body: Json) -> Iterator[Json]:
        """Records of one NDJSON answer. Closing the iterator closes the connection, so that the server stops.

        Raises:
            ApiError: a status of 400 and above, or an ``error`` record in the middle.
        """
        with self._http.send("POST", path, *_encoded(body)) as reply:
            if reply.status >= 400:
                head = f"{reply.status} {reply.reason}"
                message = _message(reply.read())
                raise ApiError(f"{head}: {message}" if message else head, reply.status)
            for line in reply.lines():
                yield _record(line, reply.status)

    # --- plumbing -----------------------------------------------------------------------------------------------------

    def _json(self, method: str, path: str, body: Json | None = None) -> Json:
        content = self._send(method, path, body)
        try:
            return dict(json.loads(content))
        except (ValueError, TypeError):
            raise ApiError(f"unexpected answer from {self.base_url}{path}", 200) from None

    def _send(self, method: str, path: str, body: Json | None = None) -> bytes:
        with self._http.send(method, path, *_encoded(body)) as reply:
            return _body(reply)


def quietly(call: Callable[[], T]) -> T | None:
    """The result, or None where the server cannot give one; for completions and hints that may fail."""
    try:
        return call()
    except (ApiError, CommandFailed, ServerUnreachable):
        return None


def _encoded(body: Json | None) -> tuple[bytes | None, dict[str, str]]:
    """A body and its headers."""
    if body is None:
        return None, {}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"), {"Content-Type": "application/json"}


def _body(reply: Answer) -> bytes:
    content = reply.read()
    if reply.status >= 400:
        raise ApiError(_message(content), reply.status)
    return content


def _message(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        return content.decode("utf-8", "replace").strip()


def _record(line: bytes, status: int) -> Json:
    try:
        record = json.loads(line)
    except ValueError:
        raise ApiError(line.decode("utf-8", "replace"), status) from None
    if error := record.get("error"):
        raise ApiError(str(error), status)
    return dict(record)
