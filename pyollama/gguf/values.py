"""Metadata values as the bytes of a GGUF file: the number of a type, then the value, little-endian."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pyollama.native.gguf_types import VALUE_TYPES

_NUMBERS = {kind.name: number for number, kind in enumerate(VALUE_TYPES)}
_CODES = {kind.name: kind.code for kind in VALUE_TYPES if kind.code}
STRING, ARRAY = _NUMBERS["string"], _NUMBERS["array"]


@dataclass(frozen=True, slots=True)
class Typed:
    """A value of a chosen type such as ``uint8``; of a list, the type of its elements."""

    type: str
    value: object


@dataclass(frozen=True, slots=True)
class Raw:
    """A value as it stands in another file, its type's number included."""

    data: bytes


Value: TypeAlias = "Raw | Typed | bool | int | float | str | bytes | Sequence[bool | int | float | str | bytes]"


def encode(value: object) -> bytes:
    """The bytes of a value. Plain integers become the first of uint32, int32, uint64 and int64 that holds them, plain
    floats float32; lists have the type of their first element, empty ones hold strings.

    Raises:
        ValueError: no such type, or the value is not of it.
    """
    if isinstance(value, Raw):
        return value.data
    if isinstance(value, Typed):
        if isinstance(value.value, list | tuple):
            return _array(value.type, value.value)
        return struct.pack("<I", _number(value.type)) + _bare(value.type, value.value)
    if isinstance(value, list | tuple):
        return _array(_widest(value) if value else "string", value)
    return encode(Typed(type_of(value), value))


def string(text: str | bytes) -> bytes:
    """A string with its length. Bytes need not be UTF-8: some vocabularies hold parts of characters."""
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def type_of(value: object) -> str:
    """The type that a plain value is written with."""
    match value:
        case bool():
            return "bool"
        case int():
            return _integer_type(value, value)
        case float():
            return "float32"
        case str() | bytes():
            return "string"
    raise ValueError(f"no GGUF type holds {value!r}")


def _widest(values: Sequence[object]) -> str:
    integers = [value for value in values if type(value) is int]
    return _integer_type(min(integers), max(integers)) if len(integers) == len(values) else type_of(values[0])


def _integer_type(least: int, most: int) -> str:
    for kind, low, high in (("uint32", 0, 32), ("int32", 31, 31), ("uint64", 0, 64), ("int64", 63, 63)):
        if (-(1 << low) if low else 0) <= least and most < 1 << high:
            return kind
    raise ValueError(f"no GGUF type holds {least} and {most}")


def _array(kind: str, values: Sequence[object]) -> bytes:
    head = struct.pack("<IIQ", ARRAY, _number(kind), len(values))
    if kind in _CODES:
        try:
            return head + struct.pack(f"<{len(values)}{_CODES[kind]}", *values)
        except (struct.error, OverflowError) as error:
            raise ValueError(f"not all {len(values)} values are of type {kind}: {error}") from error
    return head + b"".join(_bare(kind, value) for value in values)


def _bare(kind: str, value: object) -> bytes:
    if kind == "string" and isinstance(value, str | bytes):
        return string(value)
    if kind not in _CODES:
        raise ValueError(f"{value!r} cannot be written as {kind}")
    try:
        return struct.pack("<" + _CODES[kind], value)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value!r} is not of type {kind}: {error}") from error


def _number(kind: str) -> int:
    if kind not in _NUMBERS:
        raise ValueError(f"GGUF has no type {kind}")
    return _NUMBERS[kind]
