"""Writing a GGUF file front to back: the header at once, then the data of each tensor as it comes.

Nothing is held but the header, so a file may be larger than memory. The sink hashes what it needs hashed: a
``BlobWriter`` knows the digest when the last byte is written.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

from pyollama.gguf.values import Value, encode, string
from pyollama.native.gguf_types import TENSOR_TYPES, VALUE_TYPES

VERSION = 3
DEFAULT_ALIGNMENT = 32
ALIGNMENT_KEY = "general.alignment"
MAX_ALIGNMENT = 1 << 16
MAX_RANK = 4
MAX_NAME_BYTES = 64

_TYPE_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


class Sink(Protocol):
    """Where the bytes go: a file, a ``BlobWriter``, a ``BytesIO``."""

    def write(self, chunk: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """A tensor that will be written. ``shape`` is innermost first. ValueError: there can be no such tensor."""

    name: str
    type: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.name.encode()) <= MAX_NAME_BYTES or "\0" in self.name:
            raise ValueError(f"{self.name!r} cannot name a tensor")
        if self.type not in _TYPE_NUMBERS:
            raise ValueError(f"{self.name}: GGUF has no tensor type {self.type}")
        if not 0 < len(self.shape) <= MAX_RANK or min(self.shape) <= 0:
            raise ValueError(f"{self.name}: no tensor has the shape {self.shape}")
        if self.shape[0] % TENSOR_TYPES[self.number].block_size:
            raise ValueError(f"{self.name}: rows of {self.shape[0]} do not divide into blocks of {self.type}")

    @property
    def number(self) -> int:
        """The type's number in the file."""
        return _TYPE_NUMBERS[self.type]

    @property
    def n_bytes(self) -> int:
        kind = TENSOR_TYPES[self.number]
        return prod(self.shape) // kind.block_size * kind.block_bytes


class Writer:
    """One file in the making. Every tensor is padded to the alignment, the last one too.

    ``total`` is the size of the whole file in bytes, known from the start; ``done`` what is written.

    Raises:
        ValueError: two tensors of one name, a value or an alignment that the format does not have. Nothing was written.
    """

    def __init__(self, sink: Sink, metadata: Mapping[str, Value], tensors: Sequence[TensorPlan]) -> None:
        self._sink = sink
        self._alignment = _alignment(metadata)
        if len({tensor.name for tensor in tensors}) < len(tensors):
            raise ValueError("two tensors have the same name")
        self._sizes = iter([tensor.n_bytes for tensor in tensors])
        self._left: int | None = None  # bytes of the current tensor; None between two
        head = self._head(metadata, tensors)
        self.total = len(head) + sum(self._padded(tensor.n_bytes) for tensor in tensors)
        self.done = 0
        self._put(head)

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        """The next bytes of the tensor in turn, however cut; a tensor that is whole is padded.

        Raises:
            ValueError: they reach past the end of that tensor, or all tensors are written. Nothing was written.
        """
        data = memoryview(piece).cast("B")
        if self._left is None:
            self._left = next(self._sizes, 0)
        if len(data) > self._left:
            raise ValueError(f"{len(data)} bytes for a tensor that lacks {self._left}")
        self._put(data)
        self._left -= len(data)
        if self._left == 0:
            self._put(bytes(-self.done % self._alignment))
            self._left = None

    def finish(self) -> None:
        """ValueError if a tensor is missing."""
        if self.done != self.total:
            raise ValueError(f"the file has {self.done} of {self.total} bytes")

    def _put(self, data: bytes | memoryview) -> None:
        self._sink.write(data)  # type: ignore[arg-type]  # every sink takes any buffer
        self.done += len(data)

    def _padded(self, n_bytes: int) -> int:
        return n_bytes + -n_bytes % self._alignment

    def _head(self, metadata: Mapping[str, Value], tensors: Sequence[TensorPlan]) -> bytes:
        """Magic, counts, keys, the table of tensors, and the padding before their data."""
        parts = [b"GGUF", struct.pack("<IQQ", VERSION, len(tensors), len(metadata))]
        for key, value in metadata.items():
            parts += (string(key), encode(value))
        offset = 0
        for tensor in tensors:
            parts.append(row(tensor.name, tensor.number, tensor.shape, offset))
            offset += self._padded(tensor.n_bytes)
        head = b"".join(parts)
        return head + bytes(-len(head) % self._alignment)


def row(name: str, number: int, shape: Sequence[int], offset: int) -> bytes:
    """One entry of the table of tensors. ``offset`` counts from the start of the data, in bytes."""
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, number, offset)


def _alignment(metadata: Mapping[str, Value]) -> int:
    if ALIGNMENT_KEY not in metadata:
        return DEFAULT_ALIGNMENT
    written = encode(metadata[ALIGNMENT_KEY])
    code = VALUE_TYPES[int.from_bytes(written[:4], "little")].code
    value = struct.unpack_from("<" + code, written, 4)[0] if code else 0
    if type(value) is not int or not 0 < value <= MAX_ALIGNMENT or value & (value - 1):
        raise ValueError(f"{ALIGNMENT_KEY} must be a power of two up to {MAX_ALIGNMENT}")
    return value
