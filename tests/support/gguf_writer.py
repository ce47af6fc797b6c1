"""A small GGUF writer for tests: whole files of chosen metadata and tensors, sound or broken on purpose."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyollama.native.gguf_types import TENSOR_TYPES, VALUE_TYPES

_NUMBER = {kind.name: number for number, kind in enumerate(VALUE_TYPES)}
_CODE = {kind.name: kind.code for kind in VALUE_TYPES}
_TENSOR_NUMBER = {kind.name: number for number, kind in TENSOR_TYPES.items()}


@dataclass(frozen=True)
class Typed:
    """A metadata value of a chosen type; of a sequence, the type of its elements."""

    type: str
    value: object


@dataclass(frozen=True)
class TensorSpec:
    """A tensor to write. Without data it is filled with zeros; without offset it follows the one before."""

    name: str
    type: str | int = "F32"
    shape: Sequence[int] = (4,)
    data: bytes | None = None
    offset: int | None = None

    def n_bytes(self) -> int:
        kind = TENSOR_TYPES[_TENSOR_NUMBER[self.type]] if isinstance(self.type, str) else TENSOR_TYPES[0]
        n = 1
        for extent in self.shape:
            n *= extent
        return n // kind.block_size * kind.block_bytes


def write_gguf(
    metadata: Mapping[str, object],
    tensors: Sequence[TensorSpec] = (),
    *,
    version: int = 3,
    n_keys: int | None = None,
    n_tensors: int | None = None,
) -> bytes:
    """The bytes of a GGUF file. Counts may be given wrong."""
    pairs = [(key, value) for key, value in metadata.items()]
    return write_pairs(pairs, tensors, version=version, n_keys=n_keys, n_tensors=n_tensors)


def write_pairs(
    pairs: Sequence[tuple[str, object]],
    tensors: Sequence[TensorSpec] = (),
    *,
    version: int = 3,
    n_keys: int | None = None,
    n_tensors: int | None = None,
) -> bytes:
    """As write_gguf, but keys may repeat."""
    alignment = next((_plain(value) for key, value in pairs if key == "general.alignment"), 32)
    step = alignment if isinstance(alignment, int) and alignment > 0 else 32
    counts = (len(tensors) if n_tensors is None else n_tensors, len(pairs) if n_keys is None else n_keys)
    head = bytearray(b"GGUF" + struct.pack("<IQQ", version, *counts))
    for key, value in pairs:
        head += string(key) + encode(value)
    data = bytearray()
    for tensor in tensors:
        data += bytes(-len(data) % step)
        offset = len(data) if tensor.offset is None else tensor.offset
        number = _TENSOR_NUMBER[tensor.type] if isinstance(tensor.type, str) else tensor.type
        head += string(tensor.name) + struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        head += struct.pack("<IQ", number, offset)
        if tensor.offset is None:
            data += bytes(tensor.n_bytes()) if tensor.data is None else tensor.data
    return bytes(head + bytes(-len(head) % step) + data)


def string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def encode(value: object) -> bytes:
    """A value's type number, then the value. Plain int means uint32, float float32."""
    if isinstance(value, Typed):
        if isinstance(value.value, list):
            return _array(value.type, value.value)
        return struct.pack("<I", _NUMBER[value.type]) + _bare(value.type, value.value)
    if isinstance(value, list):
        return _array(_type_of(value[0]) if value else "string", value)
    return encode(Typed(_type_of(value), value))


def _array(kind: str, values: list[object]) -> bytes:
    body = b"".join(_bare(kind, value) for value in values)
    return struct.pack("<IIQ", _NUMBER["array"], _NUMBER[kind], len(values)) + body


def _bare(kind: str, value: object) -> bytes:
    if kind == "string":
        assert isinstance(value, str | bytes)
        return string(value)
    if kind == "array":
        return encode(value)[4:]
    return struct.pack("<" + _CODE[kind], value)


def _type_of(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "uint32"
        case float():
            return "float32"
        case str() | bytes():
            return "string"
        case list():
            return "array"
    raise TypeError(f"no GGUF type for {value!r}")


def _plain(value: object) -> object:
    return value.value if isinstance(value, Typed) else value
