"""Reading request bodies, and the meaning of fields that have several JSON forms.

A small body is decoded at once, a large one beside the event loop.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import quart
import trio

from pyollama.config import FOREVER, parse_duration
from pyollama.errors import BadRequest
from pyollama.native import _json
from pyollama.server import request_log
from pyollama.server.connection import current
from pyollama.server.json_reading import read_json, read_large_json
from pyollama.server.offload import abandoned, offload

SMALL = 64 << 10  # bytes that are decoded, or base64 characters, in less time than a thread takes to start
INFERENCE_PATHS = ("/api/generate", "/api/chat")  # whose bodies OLLAMA_DEBUG_LOG_REQUESTS keeps

MAX_SHORT = 4096  # characters of a field that is looked at in the event loop

_SHORT_FIELDS = ("model", "name", "source", "destination", "from_", "keep_alive", "think")
_TOO_LONG = {"keep_alive": "time: invalid duration", "think": "invalid think value"}
_LONG_LIST = 1000  # elements

T = TypeVar("T", bound=msgspec.Struct)

_BARE_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


async def read(kind: type[T]) -> T:
    """The request's body as ``kind``: its first JSON value, whatever the Content-Type says. BadRequest, MissingBody."""
    body = await current().content()
    if (kept := quart.current_app.extensions.get(request_log.EXTENSION)) and quart.request.path in INFERENCE_PATHS:
        await kept.keep(quart.request.path, body)
    if len(body) <= SMALL:
        return read_json(body, kind)
    made = await offload(read_large_json, body, kind, abandoned)
    for field in _SHORT_FIELDS:
        if isinstance(value := getattr(made, field, None), str) and len(value) > MAX_SHORT:
            raise BadRequest(_TOO_LONG.get(field, "invalid model name"))
    current().exit_stack.push_async_callback(_let_go, made)
    return made


async def _let_go(made: msgspec.Struct) -> None:
    """Forget what fills long lists beside the event loop: a million objects are not gone at once."""
    lists = [value for value in msgspec.structs.astuple(made) if isinstance(value, list) and len(value) > _LONG_LIST]
    for items in lists:
        with trio.CancelScope(shield=True):
            await offload(_empty, items)


def _empty(items: list[Any]) -> None:
    while items:
        del items[-_LONG_LIST:]


# --- fields with several forms ----------------------------------------------------------------------------------------


def keep_alive(value: Any) -> float | None:
    """Seconds to keep a model after its last request, FOREVER, or None when not given."""
    match value:
        case None:
            return None
        case bool() | list() | dict():
            raise BadRequest(f"Unsupported type: '{_GO_TYPES[type(value)]}'")
        case str() if _BARE_NUMBER.fullmatch(value):
            seconds = float(value)
        case str():
            try:
                seconds = parse_duration(value) / 1e9
            except ValueError as error:
                raise BadRequest(str(error)) from None
        case _:
            seconds = float(value)
    return FOREVER if seconds < 0 or math.isinf(seconds) else seconds


_GO_TYPES = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}


async def check_images(texts: Sequence[str]) -> None:
    """BadRequest for text that is not base64."""
    if len(texts) > _LONG_LIST or sum(map(len, texts)) > SMALL:
        await offload(_check_images, texts)
    else:
        _check_images(texts)


def _check_images(texts: Sequence[str]) -> None:
    for text in texts:
        if abandoned():
            return
        image(text)


def image(text: str) -> bytes:
    """The bytes of a base64 image: the standard alphabet with padding, line breaks allowed. BadRequest."""
    found = _json.base64(text)
    if isinstance(found, int):
        raise BadRequest(f"illegal base64 data at input byte {found}")
    return found
