"""How much memory a model will need, estimated from its header before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyollama.errors import GGUFError, LoadFailed
from pyollama.gguf import Keys

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
_ROPE_BASE = 10000.0  # where a header names none


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
            files = _parts(model_paths, header.metadata.get("split.count", 1))
            size = header.file_size + sum(_checked_size(path) for path in [*files[:-1], *adapter_paths])
            return _facts(Keys(header), files, adapter_paths, size)
    except GGUFError as error:
        raise LoadFailed(f"{Path(error.path).name}: {error.reason} (at byte {error.offset})") from error
    except OSError as error:
        raise LoadFailed(f"{error.filename}: {error.strerror}") from error


def _checked_size(path: Path) -> int:
    """Bytes of a file that the engine will open. GGUFError, OSError."""
    from pyollama.native._gguf import read_header

    with read_header(str(path)) as header:
        return header.file_size


def _parts(model_paths: Sequence[Path], n_shards: object) -> Sequence[Path]:
    """All files if they are the parts of a split model; of several unrelated ones the last counts, as in listings."""
    return model_paths if n_shards == len(model_paths) else model_paths[-1:]


def _facts(keys: Keys, files: Sequence[Path], adapters: Sequence[Path], size: int) -> ModelFacts:
    n_layer, n_embd = keys.number("block_count"), keys.number("embedding_length")
    n_head = keys.number("attention.head_count", 1)
    heads, head_width = sum(keys.per_layer("attention.head_count_kv", n_head)), n_embd // max(n_head, 1)
    key_length = keys.number("attention.key_length", head_width)
    value_length = keys.number("attention.value_length", head_width)
    key_width, value_width = heads * key_length, heads * value_length
    if keys.number("attention.key_length_mla"):  # compressed attention keeps one latent vector per layer
        key_width = n_layer * (keys.number("attention.kv_lora_rank") + keys.number("rope.dimension_count"))
        value_width = 0
    pooling = keys.has("pooling_type")
    if pooling and keys.is_false("attention.causal"):
        key_width = value_width = 0  # an encoder keeps nothing
    return ModelFacts(
        files=tuple(map(str, files)),
        adapters=tuple(map(str, adapters)),
        file_bytes=size,
        n_ctx_train=keys.number("context_length"),
        n_layer=n_layer,
        n_embd=n_embd,
        n_ff=keys.number("feed_forward_length"),
        n_head=n_head,
        n_vocab=keys.number("vocab_size") or keys.length("tokenizer.ggml.tokens"),
        key_width=key_width,
        value_width=value_width,
        pooling=pooling,
        n_masks=2 if keys.number("attention.sliding_window") else 1,
        equal_widths=key_length == value_length,
        state_bytes=_state_bytes(keys, n_layer),
        rope_base=keys.positive("rope.freq_base") or _ROPE_BASE,
        rope_scale=1 / (keys.positive("rope.scaling.factor") or 1.0),
    )


def _state_bytes(keys: Keys, n_layer: int) -> int:
    """Recurrent state of one sequence: the convolution's window and the state matrix of every layer, 32-bit each."""
    inner, state = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    window = max(keys.number("ssm.conv_kernel") - 1, 0) * (inner + 2 * keys.number("ssm.group_count") * state)
    return n_layer * (window + inner * state) * 4


def size_text(size: float) -> str:
    """A size for people: one decimal and GiB, MiB or KiB."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size / 1024:.1f} KiB"
