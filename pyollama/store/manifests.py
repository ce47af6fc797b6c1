"""Manifests: one JSON file per name, listing the model's layers. Always written last, never re-serialised."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from pyollama.errors import BrokenManifest, InvalidDigest, InvalidName, ModelNotFound, NotRegular, StoreError
from pyollama.store import gojson
from pyollama.store.digests import Digest
from pyollama.store.files import open_regular, system_errors, write_atomically
from pyollama.store.names import ModelName

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_PREFIX = "application/vnd.ollama.image."
MAX_MANIFEST_BYTES = 4 << 20
MAX_SIZE = 1 << 53  # bytes of a layer; every client counts so far

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Layer:
    """One blob of a model and what it is for. ``size`` in bytes; ``from_`` names the base model or imported file."""

    media_type: str
    digest: Digest
    size: int
    from_: str = ""
    name: str = ""

    @property
    def kind(self) -> str:
        """``model``, ``template``, ...: the media type without the prefix of Ollama's own."""
        return self.media_type.removeprefix(LAYER_PREFIX)


@dataclass(frozen=True)
class Manifest:
    """The exact bytes of a manifest and what they say."""

    raw: bytes
    config: Layer | None
    layers: tuple[Layer, ...]

    @classmethod
    def parse(cls, raw: bytes, path: str = "") -> Manifest:
        """BrokenManifest, naming ``path``, when the bytes are no manifest. Unknown keys and media types are fine."""
        try:
            tree = _decoder.decode(raw)
            config = tree.config if tree.config is not None and tree.config.digest else None
            return cls(raw, _layer(config) if config else None, tuple(map(_layer, tree.layers or ())))
        except (msgspec.MsgspecError, InvalidDigest, UnicodeDecodeError, RecursionError) as error:
            raise BrokenManifest(path, str(error)) from error

    @classmethod
    def build(cls, config: Layer, layers: list[Layer]) -> Manifest:
        """A new manifest in the byte form of Ollama's."""
        tree = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _tree(config),
            "layers": [_tree(layer) for layer in layers],
        }
        return cls(gojson.dump_line(tree), config, tuple(layers))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes, 64 hexadecimal digits; the first twelve are the model's ID."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all layers and the config."""
        return sum(layer.size for layer in self.blobs())

    def blobs(self) -> tuple[Layer, ...]:
        """Every layer and the config."""
        return (*self.layers, self.config) if self.config else self.layers


class ManifestStore:
    """The ``manifests`` folder: four levels below it, host, namespace, model, tag."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: ModelName) -> Path:
        host, *rest = name.parts
        return self._folder.joinpath(_to_folder(host), *rest)

    def resolve(self, name: ModelName) -> ModelName:
        """``name`` in the spelling of what is stored, part by part along the existing path that matches deepest."""
        parts = [_to_folder(name.host), name.namespace, name.model, name.tag]
        host, namespace, model, tag = _deepest_match(self._folder, parts)
        return ModelName(_from_folder(host), namespace, model, tag, name.scheme)

    def read(self, name: ModelName) -> tuple[Manifest, int]:
        """The manifest of exactly this name, and its modification time in ns since 1970.

        Raises:
            ModelNotFound: there is none.
            BrokenManifest: it is not a manifest.
            StoreError: it cannot be read.
        """
        path = self.path(name)
        with system_errors(path):
            try:
                with open_regular(path) as file:
                    modified_ns = os.fstat(file.fileno()).st_mtime_ns
                    raw = file.read(MAX_MANIFEST_BYTES + 1)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise ModelNotFound(name.shortest()) from None
            except NotRegular as error:
                raise BrokenManifest(str(path), "it is not a regular file") from error
        if len(raw) > MAX_MANIFEST_BYTES:
            raise BrokenManifest(str(path), f"it is larger than {MAX_MANIFEST_BYTES} bytes")
        return Manifest.parse(raw, str(path)), modified_ns

    def names(self, *, strict: bool = False) -> Iterator[ModelName]:
        """Every stored name, in the order of the paths.

        Files that no name can have and folders that cannot be read are skipped with a warning, or raise a StoreError
        if ``strict``.
        """
        for path in _files_at_depth(self._folder, 4, strict=strict):
            host, *rest = path.relative_to(self._folder).parts
            try:
                yield ModelName(_from_folder(host), *rest)
            except InvalidName:
                _skip(StoreError(f"{path}: not the name of a model"), strict=strict)

    def write(self, name: ModelName, manifest: Manifest) -> None:
        """Put a manifest in place atomically and durably. Every blob it names must be stored already."""
        path = self.path(name)
        with system_errors(path):
            write_atomically(path, manifest.raw, temporary_in=self._folder)

    def remove(self, name: ModelName) -> None:
        """Remove a manifest and the folders that it leaves empty. ModelNotFound."""
        path = self.path(name)
        with system_errors(path):
            try:
                path.unlink()
            except FileNotFoundError:
                raise ModelNotFound(name.shortest()) from None
            for folder in list(path.parents)[:3]:
                if not _remove_if_empty(folder):
                    break

    def remove_empty_folders(self) -> None:
        with system_errors(self._folder):
            for folder, _, _ in os.walk(self._folder, topdown=False):
                if Path(folder) != self._folder:
                    _remove_if_empty(Path(folder))


class _LayerTree(msgspec.Struct):
    media_type: str = msgspec.field(default="", name="mediaType")
    digest: str = ""
    size: int = 0
    from_: str = msgspec.field(default="", name="from")
    name: str = ""


class _ManifestTree(msgspec.Struct):
    config: _LayerTree | None = None
    layers: list[_LayerTree] | None = None


_decoder = msgspec.json.Decoder(_ManifestTree)


def _layer(tree: _LayerTree) -> Layer:
    if not 0 <= tree.size <= MAX_SIZE:
        raise msgspec.ValidationError(f"no layer has {tree.size} bytes")
    return Layer(tree.media_type, Digest.parse(tree.digest), tree.size, tree.from_, tree.name)


def _tree(layer: Layer) -> dict[str, object]:
    tree: dict[str, object] = {"mediaType": layer.media_type, "digest": str(layer.digest), "size": layer.size}
    return tree | {key: text for key, text in (("from", layer.from_), ("name", layer.name)) if text}


def _files_at_depth(folder: Path, depth: int, *, strict: bool) -> Iterator[Path]:
    """Files exactly ``depth`` levels below, hidden ones left out, in the order of their paths."""
    try:
        with system_errors(folder):
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
    except StoreError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return  # removed while we looked
        _skip(error, strict=strict)
        return
    for path in paths:
        if depth > 1:
            yield from _files_at_depth(path, depth - 1, strict=strict)
        elif not path.name.startswith(".") and path.is_file():
            yield path


def _skip(error: StoreError, *, strict: bool) -> None:
    if strict:
        raise error
    _log.warning("%s: skipped", error)


def _deepest_match(folder: Path, parts: list[str]) -> list[str]:
    """``parts`` spelled like the entries below ``folder``, as far down as one path matches; exact spelling first."""
    if not parts:
        return []
    best, depth = parts, -1
    for entry in _entries_like(folder, parts[0]):
        below = _deepest_match(folder / entry, parts[1:])
        reached = _matched(folder / entry, below)
        if reached > depth:
            best, depth = [entry, *below], reached
    return best


def _entries_like(folder: Path, part: str) -> list[str]:
    with contextlib.suppress(OSError):
        names = (entry.name for entry in folder.iterdir())
        found = [name for name in names if name.isascii() and name.lower() == part.lower()]
        return sorted(found, key=lambda name: (name != part, name))
    return []


def _matched(folder: Path, parts: list[str]) -> int:
    depth = 0
    while depth < len(parts) and folder.joinpath(*parts[: depth + 1]).exists():
        depth += 1
    return depth


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:  # not empty, or gone already
        return False
    return True


def _to_folder(host: str) -> str:
    return host.replace(":", "%3A") if os.name == "nt" else host


def _from_folder(name: str) -> str:
    return name.replace("%3A", ":") if os.name == "nt" else name
