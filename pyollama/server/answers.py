"""The answers that are not streams."""

from __future__ import annotations

from typing import Any

import msgspec
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import PyollamaError
from pyollama.wire.ollama import ErrorAnswer

JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
TEXT = "text/plain; charset=utf-8"

_encode = msgspec.json.Encoder().encode


def json(value: Any, *, status: int = 200) -> Response:
    return Response(_encode(value), status=status, content_type=JSON)


def error(failure: PyollamaError) -> Response:
    return json(ErrorAnswer(str(failure)), status=failure.status)


def text(body: str, *, status: int = 200) -> Response:
    return Response(body, status=status, content_type=TEXT)


def empty(status: int = 200) -> Response:
    response = Response(b"", status=status)
    del response.headers["Content-Type"]
    return response
