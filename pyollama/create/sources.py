"""GGUF files as the source of a model: looked at, told apart, and refused when they are not sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyollama.errors import CreateError, GGUFError, InvalidDigest, NotGGUF, NotSupported
from pyollama.store import Digest
from pyollama.store.blobs import BlobStore
from pyollama.store.facts import GGUFFacts, read_header

MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class Source:
    """A blob that a create was given: what the user calls it, where it lies, what it is. ``size`` in bytes."""

    name: str
    path: Path
    size: int
    kind: str  # model, adapter or projector
    facts: GGUFFacts
    split: tuple[int, int | None]  # number of shards (0 or 1: not split), index of this one

    @property
    def digest(self) -> Digest:
        return Digest.parse(self.path.name)


def refuse_safetensors(names: Iterable[str]) -> None:
    if any(name.endswith(".safetensors") for name in names):
        raise NotSupported("converting safetensors")


def check_kinds(paths: Mapping[str, Path]) -> None:
    """Refuse a set of files, by name, in which nothing looks like weights: ``unknown type``."""
    if not any(name.endswith(".gguf") or starts_as_gguf(path) for name, path in paths.items()):
        raise CreateError("unknown type")


def find(text: str, blobs: BlobStore, *, missing_status: int) -> tuple[Digest, Path]:
    """The uploaded blob that a request names. CreateError with ``missing_status`` if it is malformed or not there."""
    try:
        digest = Digest.parse(text)
    except InvalidDigest as error:
        raise CreateError(str(error), missing_status) from error
    path = blobs.path(digest)
    if not blobs.reuse(digest):
        raise CreateError(f"open {path}: no such file or directory", missing_status)
    return digest, path


def examine(name: str, path: Path) -> Source:
    """Check the header of a blob. GGUFError and CreateError name it as the user did."""
    try:
        with read_header(path) as header:
            facts = GGUFFacts.of_header(header)
            kind = _kind(header.metadata, facts.architecture)
            split = _split(header.metadata, facts.architecture)
            size = header.file_size
    except NotGGUF as error:
        raise CreateError("supplied file was not in GGUF format") from error
    except GGUFError as error:
        raise GGUFError(name, error.offset, error.reason) from error
    return Source(name, path, size, kind, facts, split)


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
    return (count if isinstance(count, int) else 0, index if isinstance(index, int) else None)


def starts_as_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
