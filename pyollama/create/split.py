"""Split GGUF files: checking that a set of shards is whole, and merging it into one file."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import TYPE_CHECKING

from pyollama.create.progress import NO_DIGEST, Progress
from pyollama.create.sources import Source
from pyollama.errors import CreateError
from pyollama.native.gguf_types import TENSOR_TYPES, VALUE_TYPES
from pyollama.store.blobs import PIECE_BYTES, BlobWriter
from pyollama.store.facts import read_header

if TYPE_CHECKING:
    from pyollama.native._gguf import Header

STATUS = "merging GGUF shards"
_REPORT_BYTES = 64 << 20
_FILE_NAME = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)
_SPLIT_KEY = re.compile(rb"(.*\.)?split\.(no|count|tensors\.count)", re.DOTALL)
_STRING, _ARRAY = 8, 9  # numbers of value types
_TYPE_NUMBERS = {kind.name: number for number, kind in TENSOR_TYPES.items()}


def group(sources: Sequence[Source]) -> tuple[list[Source], list[list[Source]]]:
    """The files that are whole, and each set of shards in order.

    Raises:
        CreateError: status 500, a set is not complete, or file names and keys disagree.
    """
    whole = [source for source in sources if source.split[0] <= 1]
    placed = sorted(((_place(source), source) for source in sources if source.split[0] > 1), key=lambda pair: pair[0])
    sets = [[source for _, source in members] for _, members in groupby(placed, key=lambda pair: pair[0][:2])]
    for shards in sets:
        first, count = shards[0], shards[0].split[0]
        if len(shards) != count:
            raise _wrong(first, f"has {len(shards)} shards, expected {count}")
        for index, shard in enumerate(shards):
            if shard.split[1] != index:
                raise _wrong(shard, f"has invalid shard index {shard.split[1]}")
    return whole, sets


def merge(shards: Sequence[Source], writer: BlobWriter) -> Iterator[Progress]:
    """Write one file with the keys of the first shard and the tensors of all, in their order. Does not commit."""
    with ExitStack() as stack:
        headers = [stack.enter_context(read_header(shard.path)) for shard in shards]
        alignment = headers[0].alignment
        sizes = [tensor.n_bytes for header in headers for tensor in header.tensors]
        head = _head(shards[0], headers)
        total = len(head) + -len(head) % alignment + sum(size + -size % alignment for size in sizes)
        writer.write(head + bytes(-len(head) % alignment))
        done = reported = len(head)
        yield Progress(STATUS, NO_DIGEST, total, done)
        for shard, header in zip(shards, headers, strict=True):
            with shard.path.open("rb") as file:
                for tensor in header.tensors:
                    file.seek(tensor.offset)
                    left = tensor.n_bytes
                    while left and (chunk := file.read(min(left, PIECE_BYTES))):
                        writer.write(chunk)
                        left -= len(chunk)
                        done += len(chunk)
                        if done - reported >= _REPORT_BYTES:
                            reported = done
                            yield Progress(STATUS, NO_DIGEST, total, done)
                    writer.write(bytes(-tensor.n_bytes % alignment))
        yield Progress(STATUS, NO_DIGEST, total, total)


def _place(source: Source) -> tuple[str, int, int]:
    """Prefix, number of shards and index of a shard, from its file name, checked against its keys."""
    match = _FILE_NAME.fullmatch(source.name)
    count, index = source.split
    if not match:
        raise _wrong(source, "must use llama.cpp split filename pattern")
    if int(match[3]) != count:
        raise _wrong(source, f"filename count {int(match[3])} does not match metadata count {count}")
    if index is None:
        raise _wrong(source, "is missing split.no metadata")
    if int(match[2]) != index + 1:
        raise _wrong(source, f"filename index {int(match[2])} does not match metadata index {index}")
    return match[1], count, index


def _wrong(source: Source, what: str) -> CreateError:
    return CreateError(f'split GGUF "{source.name}" {what}', 500)


def _head(first: Source, headers: Sequence[Header]) -> bytes:
    """Magic, counts, keys and tensor table of the merged file."""
    with first.path.open("rb") as file:
        raw = file.read(headers[0].data_offset)
    pairs = [pair for key, pair in _pairs(raw, len(headers[0].metadata)) if not _SPLIT_KEY.fullmatch(key)]
    table = []
    offset = 0
    for header in headers:
        for tensor in header.tensors:
            name = tensor.name.encode()
            rank = len(tensor.shape)
            packed = struct.pack(f"<I{rank}QIQ", rank, *tensor.shape, _TYPE_NUMBERS[tensor.type], offset)
            table.append(struct.pack("<Q", len(name)) + name + packed)
            offset += tensor.n_bytes + -tensor.n_bytes % headers[0].alignment
    return b"".join([b"GGUF", struct.pack("<IQQ", 3, len(table), len(pairs)), *pairs, *table])


def _pairs(raw: bytes, count: int) -> Iterator[tuple[bytes, bytes]]:
    """Each key and its bytes with its value. The header has been checked, so nothing is out of bounds."""
    at = 4 + 4 + 8 + 8
    for _ in range(count):
        start = at
        at = _after_string(raw, at)
        key = raw[start + 8 : at]
        (kind,) = struct.unpack_from("<I", raw, at)
        at = _after_value(raw, at + 4, kind)
        yield key, raw[start:at]


def _after_value(raw: bytes, at: int, kind: int) -> int:
    if kind == _STRING:
        return _after_string(raw, at)
    if kind != _ARRAY:
        return at + VALUE_TYPES[kind].n_bytes
    element, count = struct.unpack_from("<IQ", raw, at)
    at += 12
    if element != _STRING:
        return at + int(count) * VALUE_TYPES[element].n_bytes
    for _ in range(count):
        at = _after_string(raw, at)
    return at


def _after_string(raw: bytes, at: int) -> int:
    (length,) = struct.unpack_from("<Q", raw, at)
    return at + 8 + int(length)
