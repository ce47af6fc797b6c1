"""What a header tells of a model: the few keys that decide what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyollama.errors import GGUFError
from pyollama.gguf.keys import MAX_TEMPLATE, Keys

if TYPE_CHECKING:
    from pyollama.native._gguf import Header


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
        """What is of another type than it should be, or out of bounds, counts as absent."""
        keys = Keys(header)
        file_type = header.metadata.get("general.file_type")
        template = keys.text("tokenizer.chat_template")
        return cls(
            architecture=keys.architecture,
            file_type=file_type if type(file_type) is int else None,
            parameter_count=header.parameter_count,
            context_length=_known(keys, "context_length"),
            embedding_length=_known(keys, "embedding_length"),
            pooling=keys.has("pooling_type"),
            vision=keys.has("vision.block_count"),
            audio=keys.has("audio.block_count") or header.metadata.get("clip.has_audio_encoder") is True,
            chat_template=template if 0 < len(template) <= MAX_TEMPLATE else None,
        )


def _known(keys: Keys, suffix: str) -> int:
    try:
        return keys.number(suffix)
    except GGUFError:
        return 0
