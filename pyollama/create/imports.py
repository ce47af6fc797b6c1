"""Files into layers: found, copied in where they lie outside the store, checked, merged where they are split."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelfile_grammar import known
from pyollama.create import split
from pyollama.create.layers import Planned, Stored, detected
from pyollama.create.progress import NO_DIGEST, Progress
from pyollama.create.sources import (
    Source,
    check_adapter,
    check_kinds,
    examine,
    find,
    refuse_safetensors,
    starts_as_gguf,
)
from pyollama.errors import CreateError, InvalidDigest
from pyollama.store import BlobStore, Digest, Layer
from pyollama.store.facts import GGUFFacts
from pyollama.store.guard import Pins
from pyollama.store.manifests import LAYER_PREFIX


@dataclass(slots=True)
class Workspace:
    """What a create holds while it runs: its pins, and the blobs that did not exist before it."""

    blobs: BlobStore
    pins: Pins
    made: set[Digest] = field(default_factory=set)

    def add_file(self, path: Path) -> Digest:
        """The blob of a file on this machine. One of our own blobs is taken as it is."""
        if own := self._own_blob(path):
            return own
        digest, is_new = self.blobs.add_file(path, pins=self.pins)
        if is_new:
            self.made.add(digest)
        return digest

    def add_bytes(self, data: bytes) -> tuple[Digest, bool]:
        digest, is_new = self.blobs.add_bytes(data, pins=self.pins)
        if is_new:
            self.made.add(digest)
        return digest, is_new

    def _own_blob(self, path: Path) -> Digest | None:
        try:
            digest = Digest.parse(path.name)
        except InvalidDigest:
            return None
        self.pins.add(digest)
        return digest if path.parent == self.blobs.path(digest).parent and self.blobs.reuse(digest) else None


@dataclass(frozen=True, slots=True)
class Imported:
    """The layers of imported files, the parameters found for them, and what the files are, weights first."""

    layers: list[Planned]
    parameters: dict[str, Any]
    facts: list[GGUFFacts]


def uploaded(files: Mapping[str, str], work: Workspace, *, missing_status: int) -> dict[str, Path]:
    """The paths of blobs that a request names. CreateError if one is not there; pinned otherwise."""
    refuse_safetensors(files)
    paths = {}
    for name, text in files.items():
        digest, paths[name] = find(text, work.blobs, missing_status=missing_status)
        work.pins.add(digest)
    return paths


def local(paths: Sequence[Path], work: Workspace) -> dict[str, Path]:
    """Files of this machine, copied into the store; only what begins like a GGUF file is."""
    refuse_safetensors(path.name for path in paths)
    for path in paths:
        if not starts_as_gguf(path):
            raise CreateError("supplied file was not in GGUF format")
    names = [path.name for path in paths]
    return {
        path.name if names.count(path.name) == 1 else str(path): work.blobs.path(work.add_file(path)) for path in paths
    }


def import_models(paths: Mapping[str, Path], work: Workspace) -> Generator[Progress, None, Imported]:
    """Check the weights of a new model and recognise its chat template. A generator of progress."""
    check_kinds(paths)
    sources = []
    for name in sorted(paths):
        sources.append(examine(name, paths[name]))
        yield Progress("parsing GGUF")
    if all(source.kind == "adapter" for source in sources):
        raise CreateError(f"{sources[0].name} is an adapter: the model it belongs to is missing")
    template = _recognise(sources)
    sources = yield from _merged(sources, work)
    for source in sources:
        yield Progress("validating GGUF model", NO_DIGEST, source.size, source.size)
    yield Progress("verifying conversion")
    layers: list[Planned] = [_layer(source, work) for source in sources]
    if template:
        layers.append(detected(template))
    parameters = {"stop": list(template.stop)} if template and template.stop else {}
    return Imported(layers, parameters, _facts(sources))


def import_adapters(
    paths: Mapping[str, Path], architecture: str, work: Workspace
) -> Generator[Progress, None, list[Planned]]:
    """Check the adapter of a new model whose weights have this architecture. A generator of progress."""
    check_kinds(paths)
    if len(paths) > 1:
        raise CreateError("only one adapter is currently supported")
    layers: list[Planned] = []
    for name, path in paths.items():
        adapter = examine(name, path)
        check_adapter(adapter, architecture)
        yield Progress("parsing GGUF")
        layers.append(_layer(adapter, work))
    return layers


def _recognise(sources: Sequence[Source]) -> known.Known | None:
    for source in sources:
        if source.facts.chat_template and (found := known.detect(source.facts.chat_template)):
            return found
    return None


def _merged(sources: Sequence[Source], work: Workspace) -> Generator[Progress, None, list[Source]]:
    """The sources with every set of shards replaced by one new file; those come last."""
    whole, sets = split.group(sources)
    for shards in sets:
        with work.blobs.writer(pins=work.pins) as writer:
            yield from split.merge(shards, writer)
            digest, is_new = writer.commit()
        if is_new:
            work.made.add(digest)
        whole.append(examine(shards[0].name, work.blobs.path(digest)))
    return whole


def _layer(source: Source, work: Workspace) -> Stored:
    layer = Layer(LAYER_PREFIX + source.kind, source.digest, source.size, from_=source.name)
    return Stored(layer, is_new=source.digest in work.made)


def _facts(sources: Sequence[Source]) -> list[GGUFFacts]:
    return [source.facts for kind in ("model", "projector") for source in sources if source.kind == kind]
