"""What a header says by name, of the right type and within bounds: a file may claim any number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyollama.errors import GGUFError

if TYPE_CHECKING:
    from pyollama.native._gguf import Header

ARCHITECTURE = "general.architecture"
MAX_LAYERS = 4096
MAX_CONTEXT = 2**31 - 1  # tokens; positions have 32 bits
MAX_WIDTH = 1 << 24  # values, heads, experts
MAX_FACTOR = 10**12
MAX_NAME = 100  # characters of an architecture
MAX_TEMPLATE = 1 << 20  # characters

# Numbers that sizes are computed from, without the architecture before them. A few come as one number per layer.
BOUNDS = {
    "block_count": MAX_LAYERS,
    "context_length": MAX_CONTEXT,
    "vocab_size": MAX_WIDTH,
    "embedding_length": MAX_WIDTH,
    "feed_forward_length": MAX_WIDTH,
    "attention.head_count": MAX_WIDTH,
    "attention.head_count_kv": MAX_WIDTH,
    "attention.key_length": MAX_WIDTH,
    "attention.value_length": MAX_WIDTH,
    "attention.key_length_mla": MAX_WIDTH,
    "attention.kv_lora_rank": MAX_WIDTH,
    "attention.sliding_window": 2**32 - 1,  # some say so for none
    "rope.dimension_count": MAX_WIDTH,
    "ssm.inner_size": MAX_WIDTH,
    "ssm.state_size": MAX_WIDTH,
    "ssm.conv_kernel": MAX_WIDTH,
    "ssm.group_count": MAX_WIDTH,
}

FACTORS = ("rope.freq_base", "rope.scaling.factor")


class Keys:
    """The metadata of one model. Errors name ``path``, which is the header's own unless another is given."""

    def __init__(self, header: Header, path: str | None = None) -> None:
        self._header = header
        self._path = path if path is not None else header.path
        architecture = self.text(ARCHITECTURE)
        self.architecture = architecture if len(architecture) <= MAX_NAME and architecture.isprintable() else ""

    def text(self, key: str) -> str:
        """A text; empty if there is none or the value is something else."""
        value = self._header.metadata.get(key)
        return value if isinstance(value, str) else ""

    def has(self, suffix: str) -> bool:
        """Whether there is such a key of the architecture, whatever its value."""
        return f"{self.architecture}.{suffix}" in self._header.metadata

    def is_false(self, suffix: str) -> bool:
        """Whether the key of the architecture is there and false."""
        return self._header.metadata.get(f"{self.architecture}.{suffix}") is False

    def length(self, key: str) -> int:
        """Elements of an array; 0 if there is none."""
        value: Any = self._header.metadata.get(key)
        return len(value) if _is_array(value) else 0

    def number(self, suffix: str, default: int = 0) -> int:
        """A number of the architecture, the largest where there is one per layer. GGUFError beyond its BOUNDS."""
        return max(self._numbers(suffix), default=default)

    def per_layer(self, suffix: str, default: int = 0) -> list[int]:
        """One number for each layer. GGUFError beyond its BOUNDS, or if there are more or fewer than layers."""
        n_layer, found = self.number("block_count"), self._numbers(suffix)
        if self.length(f"{self.architecture}.{suffix}"):
            if len(found) != n_layer:
                raise self._wrong(suffix, f"has {len(found)} entries for {n_layer} layers")
            return found
        return (found or [default]) * n_layer

    def positive(self, suffix: str) -> float:
        """A number above 0 with a fraction; 0.0 if there is none or it is 0. GGUFError if it is out of reason."""
        value = self._header.metadata.get(f"{self.architecture}.{suffix}", 0)
        if type(value) not in (int, float) or not (value == 0 or 1 / MAX_FACTOR <= value <= MAX_FACTOR):  # type: ignore[operator]
            raise self._wrong(suffix, f"is {_shown(value)}, but must be a number above 0, up to {MAX_FACTOR}")
        return float(value)  # type: ignore[arg-type]

    def check(self) -> None:
        """GGUFError if the architecture or a number of BOUNDS cannot be used."""
        if not self.architecture:
            found = self._header.metadata.get(ARCHITECTURE)
            what = "is missing" if found is None else f"is {_shown(found)}, but must be a name"
            raise GGUFError(self._path, self._header.position(ARCHITECTURE), f"{ARCHITECTURE} {what}")
        for suffix in BOUNDS:
            self.number(suffix)
        for suffix in FACTORS:
            self.positive(suffix)

    def _numbers(self, suffix: str) -> list[int]:
        value: Any = self._header.metadata.get(f"{self.architecture}.{suffix}")
        if value is None:
            return []
        if _is_array(value) and len(value) > MAX_LAYERS:
            raise self._wrong(suffix, f"has {len(value)} entries, more than {MAX_LAYERS} layers")
        entries = value.tolist() if _is_array(value) else [value]
        for entry in entries:
            if type(entry) is not int or not 0 <= entry <= BOUNDS[suffix]:
                raise self._wrong(suffix, f"is {_shown(entry)}, but must be a whole number up to {BOUNDS[suffix]}")
        return entries

    def _wrong(self, suffix: str, what: str) -> GGUFError:
        key = f"{self.architecture}.{suffix}"
        return GGUFError(self._path, self._header.position(key), f"{key} {what}")


def _is_array(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shown(value: object) -> str:
    """A value for an error message, short."""
    text = repr(value)
    return text if len(text) <= MAX_NAME else text[:MAX_NAME] + "..."
