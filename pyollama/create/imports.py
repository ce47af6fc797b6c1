"""Files into layers: found, copied in where they lie outside the store, checked, merged where they are split."""

from __future__ import annotations

import os
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
    refuse_safetensors,
    starts_as_gguf,
)
from pyollama.errors import CreateError, InvalidDigest
from pyollama.gguf import GGUFFacts
from pyollama.store import BlobStore, Digest, Layer
from pyollama.store.files import open_regular, system_errors
from pyollama.store.guard import Pins
from pyollama.store.manifests import LAYER_PREFIX


@dataclass(slots=True)
class Workspace:
    """What a create holds while it runs: its pins, and the blobs that did not exist before it."""

    blobs: BlobStore
    pins: Pins
    made: set[Digest] = field(default_factory=set)

    def add_file(self, path: Path) -> Generator[Progress, None, Digest]:
        """The blob of a file on this machine. One of our own blobs is taken as it is. StoreError."""
        if own := self._own_blob(path):
            return own
        with system_errors(path), open_regular(path) as file, self.blobs.writer(pins=self.pins) as writer:
            total = os.fstat(file.fileno()).st_size
            for done in writer.copy(file):
                yield Progress("validating GGUF model", NO_DIGEST, total, done)
            digest, is_new = writer.commit()
        if is_new:
            self.made.add(digest)
        return digest

    def find(self, text: str, *, missing_status: int) -> Digest:
        """The uploaded blob that a request names. CreateError with ``missing_status`` if it is malformed or missing."""
        try:
            digest = Digest.parse(text)
        except InvalidDigest as error:
            raise CreateError(str(error), missing_status) from error
        self.pins.add(digest)
        if not self.blobs.reuse(digest):
            raise CreateError(f"open {self.blobs.path(digest)}: no such file or directory", missing_status)
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


def local(paths: Sequence[Path], work: Workspace) -> Generator[Progress, None, dict[str, str]]:
    """Files of this machine, copied into the store if they begin as GGUF files do: names and digests."""
    refuse_safetensors(path.name for path in paths)
    for path in paths:
        if not starts_as_gguf(path):
            raise CreateError("supplied file was not in GGUF format")
    names = [path.name for path in paths]
    files = {}
    for path in paths:
        name = path.name if names.count(path.name) == 1 else str(path)
        files[name] = str((yield from work.add_file(path)))
    return files


def import_models(files: Mapping[str, str], work: Workspace) -> Generator[Progress, None, Imported]:
    """Check the weights of a new model, blobs by name, and recognise its chat template."""
    refuse_safetensors(files)
    check_kinds(files, work.blobs)
    sources = []
    for name in sorted(files):
        yield Progress("parsing GGUF")
        digest = work.find(files[name], missing_status=500)
        sources.append(examine(name, digest, work.blobs.path(digest)))
    if all(source.kind == "adapter" for source in sources):
        raise CreateError(f"{sources[0].name} is an adapter: the model it belongs to is missing")
    template = _recognise(sources)
    sources = yield from _merged(sources, work)
    yield Progress("verifying conversion")
    layers: list[Planned] = [_layer(source, work) for source in sources]
    if template:
        layers.append(detected(template))
    parameters = {"stop": list(template.stop)} if template and template.stop else {}
    return Imported(layers, parameters, _facts(sources))


def import_adapters(
    files: Mapping[str, str], architecture: str, work: Workspace
) -> Generator[Progress, None, list[Planned]]:
    """Check the adapter of a new model, a blob by name, whose weights have this architecture."""
    refuse_safetensors(files)
    check_kinds(files, work.blobs)
    if len(files) > 1:
        raise CreateError("only one adapter is currently supported")
    layers: list[Planned] = []
    for name, text in files.items():
        yield Progress("parsing GGUF")
        digest = work.find(text, missing_status=400)
        adapter = examine(name, digest, work.blobs.path(digest))
        check_adapter(adapter, architecture)
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
        whole.append(examine(shards[0].name, digest, work.blobs.path(digest)))
    return whole


def _layer(source: Source, work: Workspace) -> Stored:
    layer = Layer(LAYER_PREFIX + source.kind, source.digest, source.size)
    return Stored(layer, is_new=source.digest in work.made)


def _facts(sources: Sequence[Source]) -> list[GGUFFacts]:
    return [source.facts for kind in ("model", "projector") for source in sources if source.kind == kind]
