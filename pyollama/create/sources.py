"""GGUF files as the source of a model: looked at, told apart, and refused when they are not sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from pyollama.errors import CreateError, GGUFError, InvalidDigest, NotGGUF, NotRegular, NotSupported
from pyollama.gguf import GGUFFacts, Keys
from pyollama.store import Digest
from pyollama.store.blobs import BlobStore
from pyollama.store.facts import read_header
from pyollama.store.files import open_regular

MAGIC = b"GGUF"
MAX_SHARDS = 99_999  # five digits in the names of the files


@dataclass(frozen=True, slots=True)
class Source:
    """A blob that a create was given: what the user calls it, where it lies, what it is. ``size`` in bytes."""

    name: str
    digest: Digest
    path: Path
    size: int
    kind: str  # model, adapter or projector
    facts: GGUFFacts
    split: tuple[int, int | None]  # number of shards (0 or 1: not split), index of this one


def refuse_safetensors(names: Iterable[str]) -> None:
    if any(name.endswith(".safetensors") for name in names):
        raise NotSupported("converting safetensors")


def check_kinds(files: Mapping[str, str], blobs: BlobStore) -> None:
    """Refuse a set of blobs, by name, in which nothing looks like weights: ``unknown type``."""
    if not any(name.endswith(".gguf") or _may_be_gguf(text, blobs) for name, text in files.items()):
        raise CreateError("unknown type")


def _may_be_gguf(text: str, blobs: BlobStore) -> bool:
    """Not if it is seen to be something else; whether it is there at all is another question."""
    try:
        digest = Digest.parse(text)
    except InvalidDigest:
        return True
    return not blobs.has(digest) or starts_as_gguf(blobs.path(digest))


def examine(name: str, digest: Digest, path: Path) -> Source:
    """Check the header of the blob ``digest`` at ``path``. GGUFError and CreateError name it as the user did."""
    try:
        with read_header(path) as header:
            facts = GGUFFacts.of_header(header)
            kind = _kind(header.metadata, facts.architecture)
            split = _split(header.metadata, facts.architecture)
            if split[0] <= 1:  # of shards the merged file is checked: only the first one has keys
                Keys(header, name).check()
            size = header.file_size
    except NotGGUF as error:
        raise CreateError("supplied file was not in GGUF format") from error
    except GGUFError as error:
        raise GGUFError(name, error.offset, error.reason) from error
    return Source(name, digest, path, size, kind, facts, split)


def check_adapter(adapter: Source, model_architecture: str) -> None:
    """Refuse what is no adapter, or one for other weights; an empty architecture fits all."""
    if adapter.kind != "adapter":
        raise CreateError(f"{adapter.name} is not an adapter")
    if model_architecture and adapter.facts.architecture not in ("", model_architecture):
        raise CreateError(f"{adapter.name} is made for {adapter.facts.architecture}, the model is {model_architecture}")


def _kind(keys: Mapping[str, object], architecture: str) -> str:
    declared = keys.get("general.type")
    if declared == "adapter":
        return "adapter"
    has_blocks = bool(keys.get(f"{architecture}.block_count"))
    vision_only = not has_blocks and bool(keys.get(f"{architecture}.vision.block_count"))
    encoders = (keys.get("clip.has_vision_encoder"), keys.get("clip.has_audio_encoder"))
    clip = architecture == "clip" and not has_blocks and any(encoders)
    return "projector" if declared in ("projector", "mmproj") or vision_only or clip else "model"


def _split(keys: Mapping[str, object], architecture: str) -> tuple[int, int | None]:
    count, index = (keys.get(key, keys.get(f"{architecture}.{key}")) for key in ("split.count", "split.no"))
    return (count if _is_shard(count) else 0, index if _is_shard(index) else None)


def _is_shard(number: object) -> TypeGuard[int]:
    return type(number) is int and 0 <= number <= MAX_SHARDS


def starts_as_gguf(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, NotRegular):
        return False
