"""The HTTP side of the command line: one call per endpoint, errors as the sentences of cli.md 1.1.

Not safe for use by several threads at once, except ``upload`` (httpx.Client is thread-safe).
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from pyollama import __version__
from pyollama.config import Address
from pyollama.errors import ApiError, CommandFailed, ServerUnreachable


@contextmanager
def _absent(*modules: str) -> Iterator[None]:
    """Let an import believe that these optional modules are not installed."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None there means "cannot be imported"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _absent("trio", "h2", "rich"):  # half of httpx's 200 ms, for async calls, HTTP/2 and a command of its own
    import httpcore  # noqa: F401  # httpx imports it with its first client
    import httpx

CONNECT_SECONDS = 5.0
Json = dict[str, Any]
T = TypeVar("T")


class Client:
    """A connection to one server. Use it as a context manager, or close it."""

    def __init__(self, address: Address) -> None:
        self.base_url = address.client_url
        loopback = _is_loopback(httpx.URL(self.base_url).host)
        self._http = httpx.Client(
            base_url=self.base_url,
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # loading a model may take minutes
            trust_env=not loopback,  # no proxy between a machine and itself
            verify=address.scheme == "https",  # reading the certificates takes 20 ms that plain HTTP can save
            headers={"User-Agent": f"pyollama/{__version__}"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

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
        return self._send("GET", path).content

    def show(self, model: str, **fields: Any) -> Json:
        return self._json("POST", "/api/show", {"model": model, **fields})

    def show_raw(self, model: str, **fields: Any) -> bytes:
        return self._send("POST", "/api/show", {"model": model, **fields}).content

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
        return self._request("HEAD", f"/api/blobs/{digest}").status_code == 200

    def upload(self, digest: str, chunks: Iterable[bytes], size: int) -> None:
        """Store ``size`` bytes under their digest."""
        with _translated():
            reply = self._http.post(f"/api/blobs/{digest}", content=chunks, headers={"Content-Length": str(size)})
        _check(reply)

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
        with _translated(), self._http.stream("POST", path, json=body) as reply:
            if reply.status_code >= 400:
                reply.read()
                reason = f"{reply.status_code} {httpx.codes.get_reason_phrase(reply.status_code)}"
                message = _message(reply)
                raise ApiError(f"{reason}: {message}" if message else reason, reply.status_code)
            for line in reply.iter_lines():
                if line:
                    yield _record(line, reply.status_code)

    # --- plumbing -----------------------------------------------------------------------------------------------------

    def _json(self, method: str, path: str, body: Json | None = None) -> Json:
        reply = self._send(method, path, body)
        try:
            return dict(reply.json())
        except ValueError:
            raise ApiError(f"unexpected answer from {self.base_url}{path}", reply.status_code) from None

    def _send(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        return _check(self._request(method, path, body))

    def _request(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        with _translated():
            return self._http.request(method, path, json=body)


def quietly(call: Callable[[], T]) -> T | None:
    """The result, or None where the server cannot give one; for completions and hints that may fail."""
    try:
        return call()
    except (ApiError, CommandFailed, ServerUnreachable):
        return None


def _check(reply: httpx.Response) -> httpx.Response:
    if reply.status_code >= 400:
        raise ApiError(_message(reply), reply.status_code)
    return reply


def _message(reply: httpx.Response) -> str:
    try:
        return str(json.loads(reply.content)["error"])
    except (ValueError, KeyError, TypeError):
        return reply.text.strip()


def _record(line: str, status: int) -> Json:
    try:
        record = json.loads(line)
    except ValueError:
        raise ApiError(line, status) from None
    if error := record.get("error"):
        raise ApiError(str(error), status)
    return dict(record)


@contextmanager
def _translated() -> Iterator[None]:
    """Say what the network did in one sentence."""
    try:
        yield
    except httpx.ConnectError as error:
        if any(sign in str(error).lower() for sign in ("refused", "could not connect")):
            raise ServerUnreachable from error
        raise CommandFailed(str(error)) from error
    except httpx.RemoteProtocolError as error:
        raise CommandFailed(f"the server closed the connection: {error}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandFailed(str(error) or type(error).__name__) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
