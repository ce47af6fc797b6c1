"""The answers that are not streams."""

from __future__ import annotations

import html
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import PyollamaError
from pyollama.server.offload import offload
from pyollama.wire.ollama import ErrorAnswer

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
RETRY_SECONDS = "1"  # when a server that is busy may be asked again

_METHODS = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_encode = msgspec.json.Encoder().encode


def json(value: Any, *, status: int = 200) -> Response:
    return Response(_encode(value), status=status, content_type=JSON)


async def large_json(value: Any) -> Response:
    """For what may be many megabytes: encoded beside the event loop."""
    return Response(await offload(_encode, value), content_type=JSON)


def error(failure: PyollamaError) -> Response:
    """The answer to a request that failed. The error forgets where it came from."""
    _forget_frames(failure)
    response = json(ErrorAnswer(str(failure)), status=failure.status)
    if failure.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = RETRY_SECONDS
    return response


def _forget_frames(error: BaseException | None) -> None:
    """A traceback and its frames hold each other, and all that a request brought, until garbage is searched for."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def text(body: str, *, status: int = 200) -> Response:
    return Response(body, status=status, content_type=TEXT)


def plain(body: str, status: int) -> Response:
    """For what has no endpoint."""
    return Response(body, status=status, content_type="text/plain")


def redirect(path: str, status: HTTPStatus, *, with_body: bool) -> Response:
    """``path`` is of this server. A body is for those who followed a link."""
    response = Response(link(path, status), status=status, content_type=HTML) if with_body else empty(status)
    response.headers["Location"] = path
    return response


def link(path: str, status: HTTPStatus) -> str:
    """The body of a redirect."""
    return f'<a href="{html.escape(path)}">{status.phrase}</a>.\n\n'


def allow(methods: Iterable[str]) -> str:
    """The value of the header Allow, in Ollama's order."""
    return ", ".join(sorted(methods, key=_METHODS.index))


def empty(status: int = 200) -> Response:
    response = Response(b"", status=status)
    del response.headers["Content-Type"]
    return response
