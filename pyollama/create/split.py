"""Split GGUF files: checking that a set of shards is whole, and merging it into one file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import BinaryIO

from pyollama.create.progress import NO_DIGEST, Progress
from pyollama.create.sources import Source
from pyollama.errors import CreateError
from pyollama.gguf import Raw, TensorPlan, Writer
from pyollama.native.gguf_types import Tensor
from pyollama.store.blobs import PIECE_BYTES, BlobWriter
from pyollama.store.facts import read_header
from pyollama.store.files import open_regular, system_errors

STATUS = "merging GGUF shards"
_FILE_NAME = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)
_SPLIT_KEY = re.compile(r"(.*\.)?split\.(no|count|tensors\.count)", re.DOTALL)


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
        plans = [TensorPlan(tensor.name, tensor.type, tensor.shape) for header in headers for tensor in header.tensors]
        metadata = {key: Raw(headers[0].raw(key)) for key in headers[0].metadata if not _SPLIT_KEY.fullmatch(key)}
        try:
            merged = Writer(writer, metadata, plans)
        except ValueError as error:  # a name in two shards
            raise _wrong(shards[0], f"does not fit its shards: {error}") from error
        reported = merged.done
        yield Progress(STATUS, NO_DIGEST, merged.total, reported)
        for shard, header in zip(shards, headers, strict=True):
            with system_errors(shard.path), open_regular(shard.path) as file:
                for piece in _pieces(file, header.tensors):
                    merged.write(piece)
                    if merged.done - reported >= PIECE_BYTES:
                        reported = merged.done
                        yield Progress(STATUS, NO_DIGEST, merged.total, reported)
        merged.finish()
        yield Progress(STATUS, NO_DIGEST, merged.total, merged.done)


def _pieces(file: BinaryIO, tensors: Iterable[Tensor]) -> Iterator[bytes]:
    """The data of the tensors, some megabytes at a time."""
    for tensor in tensors:
        file.seek(tensor.offset)
        left = tensor.n_bytes
        while left and (piece := file.read(min(left, PIECE_BYTES))):
            yield piece
            left -= len(piece)


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
