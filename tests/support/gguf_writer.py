"""GGUF files for tests, sound or broken on purpose, from the pieces of the product's writer."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyollama.gguf.values import ARRAY, Typed, encode, string
from pyollama.gguf.writer import TensorPlan, Writer, row
from pyollama.native.gguf_types import TENSOR_TYPES

__all__ = ["TensorSpec", "Typed", "save_gguf", "write_gguf", "write_pairs"]

_TENSOR_NUMBER = {kind.name: number for number, kind in TENSOR_TYPES.items()}


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


def save_gguf(path: Path, metadata: Mapping[str, Any], tensors: Sequence[TensorSpec]) -> None:
    """A sound file, as the product writes one: the data of one tensor after the other."""
    with path.open("wb") as file:
        plans = [TensorPlan(tensor.name, str(tensor.type), tuple(tensor.shape)) for tensor in tensors]
        writer = Writer(file, metadata, plans)
        for tensor in tensors:
            writer.write(bytes(tensor.n_bytes()) if tensor.data is None else tensor.data)
        writer.finish()


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
        head += string(key) + _encoded(value)
    data = bytearray()
    for tensor in tensors:
        data += bytes(-len(data) % step)
        offset = len(data) if tensor.offset is None else tensor.offset
        number = _TENSOR_NUMBER[tensor.type] if isinstance(tensor.type, str) else tensor.type
        head += row(tensor.name, number, tensor.shape, offset)
        if tensor.offset is None:
            data += bytes(tensor.n_bytes()) if tensor.data is None else tensor.data
    return bytes(head + bytes(-len(head) % step) + data)


def _encoded(value: object) -> bytes:
    """As the format has it, and arrays of arrays, which no reader takes."""
    match value:
        case Typed("array", [*lists]):
            inner = [encode(part)[4:] for part in lists]
            return struct.pack("<IIQ", ARRAY, ARRAY, len(inner)) + b"".join(inner)
    return encode(value)


def _plain(value: object) -> object:
    return value.value if isinstance(value, Typed) else value
