"""How much memory a model will need, estimated from its header before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pyollama.errors import GGUFError, LoadFailed

BITS_PER_VALUE = {  # of a cached key or value: ggml's block sizes
    "f32": 32.0,
    "f16": 16.0,
    "bf16": 16.0,
    "q8_0": 8.5,
    "q5_1": 6.0,
    "q5_0": 5.5,
    "q4_1": 5.0,
    "q4_0": 4.5,
    "iq4_nl": 4.5,
}
PROCESS_BYTES = 32 << 20  # the interpreter and the native library of a runner, measured
MOST_LAYERS = 1 << 12  # above it a header is nonsense, and left to the loader
_ROPE_BASE = 10000.0  # where a header names none
MOST = (1 << 31) - 1  # of any other number in a header


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the header says about sizes. Lengths in tokens, widths in values, 0: unknown."""

    files: tuple[str, ...]  # parts of the model in order
    adapters: tuple[str, ...]
    file_bytes: int  # of all of them
    n_ctx_train: int
    n_layer: int
    n_embd: int
    n_ff: int
    n_head: int
    n_vocab: int
    key_width: int  # keys of one token in all layers
    value_width: int
    pooling: bool  # an embedding model
    n_masks: int = 1  # attention masks: a second one for layers with a sliding window
    equal_widths: bool = True  # of keys and values, which flash attention needs
    state_bytes: int = 0  # recurrent state of one sequence
    rope_base: float = 0.0
    rope_scale: float = 0.0

    def cell_bytes(self, kv_cache_type: str) -> int:
        """Memory that one token takes in the KV pool. An upper bound: sliding windows are ignored."""
        bits = BITS_PER_VALUE.get(kv_cache_type, 16.0)
        return math.ceil((self.key_width + self.value_width) * bits / 8)

    def compute_bytes(self, n_batch: int, n_outputs: int) -> int:
        """Buffers of one batch, 32-bit each: the widest two layers' activations, and logits for its output rows."""
        return 4 * (n_batch * (6 * self.n_embd + 3 * self.n_ff) + n_outputs * self.n_vocab)

    def attention_bytes(self, n_batch: int, flash_attention: bool | None) -> int:
        """What one more token in the pool adds to the buffers of a batch: a column of the mask, and without flash
        attention a column of every head's scores."""
        if flash_attention is not False and self.equal_widths:
            return 2 * n_batch * self.n_masks
        return 4 * n_batch * (self.n_masks + max(self.n_head, 1))


def read_facts(model_paths: Sequence[Path], adapter_paths: Sequence[Path]) -> ModelFacts:
    """Read the header of a model. Blocks for the time of reading it.

    Raises:
        LoadFailed: there are no weights, or they cannot be read or are damaged.
    """
    from pyollama.native._gguf import read_header

    if not model_paths:
        raise LoadFailed("the model has no weights in GGUF form")
    try:
        with read_header(str(model_paths[-1])) as header:
            files = _parts(model_paths, header.metadata)
            size = sum(path.stat().st_size for path in [*files, *adapter_paths])
            return _facts(header.metadata, files, adapter_paths, size)
    except GGUFError as error:
        raise LoadFailed(f"{Path(error.path).name}: {error.reason} (at byte {error.offset})") from error
    except OSError as error:
        raise LoadFailed(f"{error.filename}: {error.strerror}") from error


def _parts(model_paths: Sequence[Path], keys: Mapping[str, Any]) -> Sequence[Path]:
    """All files if they are the parts of a split model; of several unrelated ones the last counts, as in listings."""
    return model_paths if keys.get("split.count", 1) == len(model_paths) else model_paths[-1:]


def _facts(keys: Mapping[str, Any], files: Sequence[Path], adapters: Sequence[Path], size: int) -> ModelFacts:
    architecture = keys.get("general.architecture", "")

    def number(key: str, default: int = 0) -> int:
        return _largest(keys.get(f"{architecture}.{key}", default))

    n_layer, n_embd, n_head = number("block_count"), number("embedding_length"), number("attention.head_count", 1)
    n_layer = n_layer if n_layer <= MOST_LAYERS else 0
    heads = _sum_over_layers(keys.get(f"{architecture}.attention.head_count_kv", n_head), n_layer)
    head_width = n_embd // max(n_head, 1)
    key_length, value_length = number("attention.key_length", head_width), number("attention.value_length", head_width)
    key_width, value_width = heads * key_length, heads * value_length
    if number("attention.key_length_mla"):  # compressed attention keeps one latent vector per layer
        key_width = n_layer * (number("attention.kv_lora_rank") + number("rope.dimension_count"))
        value_width = 0
    pooling = f"{architecture}.pooling_type" in keys
    if pooling and keys.get(f"{architecture}.attention.causal") is False:
        key_width = value_width = 0  # an encoder keeps nothing
    return ModelFacts(
        files=tuple(map(str, files)),
        adapters=tuple(map(str, adapters)),
        file_bytes=size,
        n_ctx_train=number("context_length"),
        n_layer=n_layer,
        n_embd=n_embd,
        n_ff=number("feed_forward_length"),
        n_head=n_head,
        n_vocab=number("vocab_size") or len(keys.get("tokenizer.ggml.tokens", ())),
        key_width=key_width,
        value_width=value_width,
        pooling=pooling,
        n_masks=2 if number("attention.sliding_window") else 1,
        equal_widths=key_length == value_length,
        state_bytes=_state_bytes(number, n_layer),
        rope_base=_positive(keys.get(f"{architecture}.rope.freq_base")) or _ROPE_BASE,
        rope_scale=1 / (_positive(keys.get(f"{architecture}.rope.scaling.factor")) or 1.0),
    )


def _state_bytes(number: Callable[[str], int], n_layer: int) -> int:
    """Recurrent state of one sequence: the convolution's window and the state matrix of every layer, 32-bit each."""
    inner, state = number("ssm.inner_size"), number("ssm.state_size")
    window = max(number("ssm.conv_kernel") - 1, 0) * (inner + 2 * number("ssm.group_count") * state)
    return n_layer * (window + inner * state) * 4


def _largest(value: Any) -> int:
    """A number, or the largest of one per layer. Anything else is 0: the loader will say what is wrong."""
    if isinstance(value, bool | str | bytes):
        return 0
    if isinstance(value, int | float):
        return int(value) if 0 <= value <= MOST else 0
    try:
        return max(map(_largest, value), default=0)
    except TypeError:
        return 0


def _positive(value: Any) -> float:
    """A finite number above 0, else 0."""
    return float(value) if isinstance(value, int | float) and 0 < value < math.inf else 0.0


def _sum_over_layers(value: Any, n_layer: int) -> int:
    """The sum of one number for all layers, or of one per layer."""
    if isinstance(value, int | float):
        return _largest(value) * n_layer
    try:
        return 0 if isinstance(value, str) else sum(map(_largest, islice(value, MOST_LAYERS)))
    except TypeError:
        return 0


def size_text(size: float) -> str:
    """A size for people: one decimal and GiB, MiB or KiB."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1024:.1f} KiB"
