"""A model: its manifest plus typed access to its layers."""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyollama.errors import InvalidName, PyollamaError, StoreError
from pyollama.gguf import GGUFFacts
from pyollama.gguf.keys import MAX_CONTEXT
from pyollama.store import gojson
from pyollama.store.blobs import BlobStore
from pyollama.store.capabilities import (
    ActiveTemplate,
    choose_template,
    named_format,
    template_capabilities,
)
from pyollama.store.configs import Config
from pyollama.store.facts import gguf_facts, read_header
from pyollama.store.manifests import Layer, Manifest
from pyollama.store.names import ModelName

if TYPE_CHECKING:
    from pyollama.native._gguf import Header

MAX_LAYER_BYTES = 16 << 20  # texts and messages, which may hold images
MAX_SMALL_LAYER_BYTES = 1 << 20  # the config and the parameters
LAST_NS = 253_402_300_799 * 10**9  # the year 9999 ends
MAX_DEPTH = 128  # levels of lists and objects in parameters and messages, as in requests

_log = logging.getLogger(__name__)


def layer_limit(kind: str) -> int:
    """The most bytes of a layer that is read as a whole. ``kind`` as in ``Layer.kind``, or ``config``."""
    return MAX_SMALL_LAYER_BYTES if kind in ("config", "params") else MAX_LAYER_BYTES


class Model:
    """One stored model. Layers are read when first asked for and kept; the files of running models are only named.

    Reading a layer raises BlobNotFound when its blob is missing and StoreError when it cannot be read.
    """

    def __init__(self, name: ModelName, manifest: Manifest, modified_ns: int, blobs: BlobStore) -> None:
        self.name = name
        self.manifest = manifest
        self.modified_ns = modified_ns  # of the manifest, since 1970
        self._blobs = blobs

    @property
    def digest(self) -> str:
        return self.manifest.digest

    @property
    def size(self) -> int:
        """Bytes of all layers and the config."""
        return self.manifest.size

    @property
    def modified_at(self) -> datetime:
        """In UTC, to the microsecond; a time that no calendar has becomes the nearest that one has."""
        seconds, rest = divmod(min(max(self.modified_ns, 0), LAST_NS), 10**9)
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.manifest.layers

    def layers_of(self, *kinds: str) -> list[Layer]:
        """The layers of some kinds (``model``, ``template``, ...) in their order."""
        return [layer for layer in self.layers if layer.kind in kinds]

    # --- layers -------------------------------------------------------------------------------------------------------

    @cached_property
    def config(self) -> Config:
        """The stored configuration; an empty one, with a warning, when it is missing or broken."""
        try:
            return self.read_config()
        except PyollamaError as error:
            _log.warning("%s: %s", self.name, error)
            return Config()

    def read_config(self) -> Config:
        """The stored configuration. BlobNotFound, StoreError."""
        layer = self.manifest.config
        if layer is None:
            return Config()
        raw = self._blobs.read(layer.digest, limit=layer_limit("config"))
        return Config.parse(raw, str(self._blobs.path(layer.digest)))

    @cached_property
    def template(self) -> str | None:
        """The Go template of the template layer; ``prompt`` is its name of 2023."""
        return self._last_text("template", "prompt")

    @cached_property
    def system(self) -> str | None:
        return self._last_text("system")

    @cached_property
    def licenses(self) -> list[str]:
        return [self._text(layer) for layer in self.layers_of("license")]

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Options in stored order; a layer that is not a JSON object counts as empty, with a warning."""
        parameters: dict[str, Any] = self._last_json("params", dict)
        return parameters

    @cached_property
    def messages(self) -> list[dict[str, Any]]:
        return [message for message in self._last_json("messages", list) if isinstance(message, dict)]

    @property
    def model_paths(self) -> list[Path]:
        """The weights; several only in broken models of releases that knew no split files."""
        return self._paths("model")

    @property
    def adapter_paths(self) -> list[Path]:
        return self._paths("adapter")

    @property
    def projector_paths(self) -> list[Path]:
        return self._paths("projector")

    @property
    def draft_paths(self) -> list[Path]:
        return self._paths("draft")

    @property
    def parent_model(self) -> str:
        """The name of the model that the weights were taken from, empty for those of a file.

        Some manifests name the file, and clients send this back as ``from``. Models are named with their tag.
        """
        for layer in self.layers_of("model")[-1:]:
            with contextlib.suppress(InvalidName):
                return layer.from_ if ":" in layer.from_ and ModelName.parse(layer.from_) else ""
        return ""

    @property
    def is_remote(self) -> bool:
        """A stub for a model of an online service: it has no weights and cannot run."""
        return bool(self.config.remote_host)

    # --- what it can do -----------------------------------------------------------------------------------------------

    def header(self) -> Header:
        """The checked header of the weights, opened; close it after use.

        Raises:
            StoreError: the model has no GGUF weights, or they cannot be read.
            GGUFError: they are damaged.
        """
        if not self.model_paths:
            raise StoreError(f"{self.name} has no GGUF weights")
        return read_header(self.model_paths[-1])

    def facts(self) -> GGUFFacts | None:
        """The cached facts of the weights; None, with a warning, where there are none to read."""
        return self._facts("model")

    def projector_facts(self) -> GGUFFacts | None:
        return self._facts("projector")

    @property
    def details(self) -> dict[str, Any]:
        """Format, family and sizes as the API shows them, without the two lengths of listings."""
        config = self.config
        return {
            "parent_model": self.parent_model,
            "format": config.model_format,
            "family": config.model_family,
            "families": config.model_families,
            "parameter_size": config.model_type,
            "quantization_level": config.file_type,
        }

    @property
    def lengths(self) -> dict[str, int]:
        """``context_length`` in tokens and ``embedding_length``, where known: what listings add to the details."""
        facts = self.facts()
        context = self.config.context_length or (facts.context_length if facts else 0)
        embedding = self.config.embedding_length or (facts.embedding_length if facts else 0)
        found = {"context_length": context, "embedding_length": embedding}
        return {key: n for key, n in found.items() if 0 < n <= MAX_CONTEXT}

    def active_template(self, go_template: bool | None = None) -> ActiveTemplate:
        """The Go template of the model or the Jinja template of its weights; without either, the prompt as it is.

        ``go_template``: the setting that forces the choice, None to choose.
        """
        facts = self.facts()
        return choose_template(self.template, facts.chat_template if facts else None, self.config, go_template)

    @property
    def format_without_template(self) -> str:
        """The renderer or parser that the model needs and cannot have: its weights bring no chat template."""
        facts = self.facts()
        return "" if facts is None or facts.chat_template else named_format(self.template, self.config)

    def capabilities(self, go_template: bool | None = None) -> set[str]:
        """``completion``, ``tools``, ...; cheap after the first call for a blob."""
        found = set(self.config.capabilities or ())
        facts, projector = self.facts(), self.projector_facts()
        if facts:
            found.add("embedding" if facts.pooling else "completion")
        if self.projector_paths or (facts and facts.vision):
            found.add("vision")
        if any(part and part.audio for part in (facts, projector)):
            found.add("audio")
        if facts and not self.format_without_template:
            found |= template_capabilities(self.active_template(go_template))
        return found

    # --- reading ------------------------------------------------------------------------------------------------------

    def _paths(self, kind: str) -> list[Path]:
        return [self._blobs.path(layer.digest) for layer in self.layers_of(kind)]

    def _text(self, layer: Layer) -> str:
        return self._blobs.read(layer.digest, limit=layer_limit(layer.kind)).decode("utf-8", "replace")

    def _last_text(self, *kinds: str) -> str | None:
        layers = self.layers_of(*kinds)
        return self._text(layers[-1]) if layers else None

    def _last_json(self, kind: str, wanted: type) -> Any:
        for layer in self.layers_of(kind)[-1:]:
            raw = self._blobs.read(layer.digest, limit=layer_limit(kind))
            try:
                value = json.loads(raw)
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, wanted) and not gojson.is_deeper(value, MAX_DEPTH):
                return value
            _log.warning("%s: the %s layer is not a JSON %s: ignored", self.name, kind, wanted.__name__)
        return wanted()

    def _facts(self, kind: str) -> GGUFFacts | None:
        for layer in self.layers_of(kind)[-1:]:
            try:
                return gguf_facts(layer.digest, self._blobs.path(layer.digest))
            except PyollamaError as error:
                _log.warning("%s: %s", self.name, error)
        return None
