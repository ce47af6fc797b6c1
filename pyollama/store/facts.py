"""What listings need to know of a GGUF file, read once per blob and process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyollama.store.digests import Digest
from pyollama.store.files import system_errors

if TYPE_CHECKING:
    from pyollama.native._gguf import Header

_MAX_CACHED = 1024

_cache: OrderedDict[Digest, GGUFFacts] = OrderedDict()
_mutex = threading.Lock()


@dataclass(frozen=True, slots=True)
class GGUFFacts:
    """The keys of one file that decide what a model can do. Lengths in tokens and in values per token, 0: unknown."""

    architecture: str
    file_type: int | None
    parameter_count: int
    context_length: int
    embedding_length: int
    pooling: bool  # an embedding model
    vision: bool
    audio: bool
    chat_template: str | None  # Jinja

    @classmethod
    def of_header(cls, header: Header) -> GGUFFacts:
        keys = header.metadata
        architecture = str(keys.get("general.architecture", ""))
        file_type = keys.get("general.file_type")
        template = keys.get("tokenizer.chat_template")
        return cls(
            architecture=architecture,
            file_type=file_type if isinstance(file_type, int) else None,
            parameter_count=header.parameter_count,
            context_length=_integer(keys, f"{architecture}.context_length"),
            embedding_length=_integer(keys, f"{architecture}.embedding_length"),
            pooling=f"{architecture}.pooling_type" in keys,
            vision=f"{architecture}.vision.block_count" in keys,
            audio=f"{architecture}.audio.block_count" in keys or keys.get("clip.has_audio_encoder") is True,
            chat_template=template if isinstance(template, str) and template else None,
        )


def read_header(path: Path) -> Header:
    """The checked header of a model file; the caller closes it. GGUFError, or StoreError if it cannot be read."""
    from pyollama.native import _gguf  # an extension module: only those who need it pay for it

    with system_errors(path):
        return _gguf.read_header(str(path))


def gguf_facts(digest: Digest, path: Path) -> GGUFFacts:
    """The facts of the blob ``digest`` at ``path``. GGUFError, or StoreError if it cannot be read."""
    with _mutex:
        if digest in _cache:
            _cache.move_to_end(digest)
            return _cache[digest]
    with read_header(path) as header:
        facts = GGUFFacts.of_header(header)
    with _mutex:
        _cache[digest] = facts
        if len(_cache) > _MAX_CACHED:
            _cache.popitem(last=False)
    return facts


def _integer(keys: Mapping[str, object], key: str) -> int:
    value = keys.get(key, 0)
    return value if isinstance(value, int) else 0
