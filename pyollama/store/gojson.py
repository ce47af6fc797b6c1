"""JSON bytes as Ollama writes them: the digests of stored layers depend on every byte.

Compact, ``< > &`` and the two Unicode line separators escaped, whole floats without a fraction, one line feed at
the end. Key order is the caller's.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

_ESCAPED = re.compile("[<>&\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def dump_line(value: object) -> bytes:
    """``value`` as one line of UTF-8 JSON. Lone surrogates become U+FFFD; ValueError for NaN and infinities."""
    return (_encode(value) + "\n").encode()


def is_deeper(value: object, levels: int) -> bool:
    """Whether lists and objects stand in each other more than ``levels`` deep."""
    inside = [value]
    for _ in range(levels + 1):
        inside = [item for part in inside if isinstance(part, dict | list) for item in _items(part)]
        if not inside:
            return False
    return True


def float32(value: float) -> float:
    """The double that prints as the shortest text of ``value`` rounded to 32 bits. OverflowError if it does not fit."""
    single = _single(value)
    for digits in range(1, 10):
        short = float(f"{single:.{digits}g}")
        if _single(short) == single:
            return short
    return value  # NaN only


def is_float32(value: float) -> bool:
    """Whether 32 bits hold ``value`` exactly."""
    return math.isnan(value) or math.isinf(value) or _single(value) == value


def _items(part: dict[str, object] | list[object]) -> Iterable[object]:
    return part.values() if isinstance(part, dict) else part


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _encode(value: object) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_string(str(key))}:{_encode(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_encode, value)) + "]"
    return json.dumps(value)  # null, booleans, integers


def _string(text: str) -> str:
    quoted = json.dumps(_SURROGATE.sub("\ufffd", text), ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _number(value: float) -> str:
    """Shortest digits; plain notation from 1e-6 up to below 1e21, else an exponent without padding."""
    if not math.isfinite(value):
        raise ValueError("JSON has no infinities and no NaN")
    text = repr(value)
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(text):f}".removesuffix(".0")
    digits, _, exponent = text.partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+d}"
