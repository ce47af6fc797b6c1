"""Reading request bodies (api.md section 2.2): the first JSON value, whatever the Content-Type says.

``decode`` gives a typed struct; the other functions give meaning to fields that have several JSON forms.
"""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any, TypeVar

import msgspec

from pyollama.config import FOREVER, parse_duration
from pyollama.errors import BadRequest, MissingBody, TruncatedJson
from pyollama.server.connection import current

T = TypeVar("T", bound=msgspec.Struct)

_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/\r\n]")


async def read(kind: type[T]) -> T:
    """The request's body as ``kind``. BadRequest or one of its kinds."""
    return decode(bytes(await current().content()), kind)


def decode(body: bytes, kind: type[T]) -> T:
    """``null`` counts as an object without keys. BadRequest names the field of a wrong type."""
    if not body.strip():
        raise MissingBody
    try:
        return _decode(body, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from None
    except msgspec.DecodeError as error:
        raise (TruncatedJson() if "truncated" in str(error) else BadRequest(str(error))) from None
    except RecursionError:
        raise BadRequest("JSON is nested too deeply") from None


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        value = msgspec.json.decode(body, type=kind | None)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        if trailing := _TRAILING.search(str(error)):
            return _decode(body[: int(trailing[1]) - 1], kind)  # the number counts the first byte too many
        if rb"\ud" not in body.lower():
            raise
        value = msgspec.json.decode(_without_lone_surrogates(body), type=kind | None)
    return kind() if value is None else value


def _without_lone_surrogates(body: bytes) -> bytes:
    """Half of a pair, as clients send when they cut a text, becomes U+FFFD. DecodeError."""
    try:
        value, _ = json.JSONDecoder().raw_decode(body.decode().lstrip())
    except ValueError:
        raise msgspec.DecodeError("Input data was truncated") from None
    return _SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)).encode()


# --- fields with several forms ----------------------------------------------------------------------------------------


def keep_alive(value: Any) -> float | None:
    """Seconds to keep a model after its last request, FOREVER, or None when not given (section 5.2)."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadRequest(f"Unsupported type: {msgspec.json.encode(value).decode()}")
    if isinstance(value, str):
        try:
            seconds = parse_duration(value) / 1e9
        except ValueError as error:
            raise BadRequest(str(error)) from None
    else:
        seconds = float(value)
    return FOREVER if seconds < 0 or math.isinf(seconds) else seconds


def image(text: str) -> bytes:
    """The bytes of a base64 image: the standard alphabet with padding."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return _base64_by_hand(text)


def _base64_by_hand(text: str) -> bytes:
    """Line breaks are allowed. BadRequest says which byte is wrong."""
    unpadded = text.rstrip("=\r\n")
    if wrong := _NOT_BASE64.search(unpadded):
        raise BadRequest(f"illegal base64 data at input byte {wrong.start()}")
    data = re.sub(r"[\r\n]", "", text)
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise BadRequest(f"illegal base64 data at input byte {len(unpadded) // 4 * 4}") from None
