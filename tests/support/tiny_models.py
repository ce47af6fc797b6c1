"""Whole models of some kilobytes with random weights, one for each kind of memory that the engine has to handle."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from support.gguf_writer import TensorSpec, Typed, save_gguf

N_EMBD, N_HEAD, N_FF, N_LAYER = 64, 2, 128, 2
HEAD = N_EMBD // N_HEAD
BYTES = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"\u2581w{number}" for number in range(200))]


def sliding_window(path: Path, window: int = 32, chat_template: str = "") -> Path:
    """A Gemma 3: its first layer sees the last tokens only."""
    template = {"tokenizer.chat_template": chat_template} if chat_template else {}
    return _write(
        path,
        "gemma3",
        {"attention.sliding_window": window, "attention.sliding_window_pattern": 2, **_attention()},
        _gemma_tensors(),
        _byte_vocab() | template,
    )


def with_vocabulary(path: Path, vocabulary: Mapping[str, object], *, name: str = "model") -> Path:
    """A model that says nothing sensible, with any vocabulary. Some names change what its special tokens do."""
    tokens = vocabulary["tokenizer.ggml.tokens"]
    assert isinstance(tokens, list)
    keys = {"attention.sliding_window": 32, "attention.sliding_window_pattern": 2, **_attention()}
    return _write(path, "gemma3", keys, _gemma_tensors(len(tokens)), {"general.name": name, **vocabulary})


def scripted(path: Path, follows: bytes, *, chat_template: str = "") -> Path:
    """A Llama whose greedy answer is certain on every machine: each byte of ``follows`` is followed by the next one.

    All other bytes, and the last one, are followed by the end token. A byte that stands in ``follows`` twice is
    followed by what follows it last.
    """
    return speaking(path, [], follows=follows, chat_template=chat_template)


def alphabet(path: Path) -> Path:
    """A scripted() model that goes on with the next letter for ever, from ``a`` after a line's end."""
    return scripted(path, b"\nabcdefghijklmnopqrstuvwxyza")


def speaking(
    path: Path,
    pieces: Sequence[str],
    *,
    control: Collection[str] = (),
    follows: bytes = b"",
    after: bytes = b"\n",
    chat_template: str = "",
) -> Path:
    """A Llama that answers a prompt ending in the byte ``after`` with these pieces, each a token of its own.

    Args:
        pieces: all different.
        control: those that are special tokens.
        follows: as in scripted().
    """
    template = {"tokenizer.chat_template": chat_template} if chat_template else {}
    tokens, first = [*BYTES, *pieces], len(BYTES)
    successors = {before + 3: then + 3 for before, then in pairwise(follows)}
    if pieces:
        successors[after[0] + 3] = first
    successors |= {number: number + 1 for number in range(first, len(tokens) - 1)}
    n_heads = -(-len(tokens) // 32)  # one dimension per token, in whole heads of 32
    keys = {
        "embedding_length": 32 * n_heads,
        "block_count": 1,
        "attention.head_count": n_heads,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": 32,
        "feed_forward_length": 32,
    }
    vocab = _byte_vocab() | {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": Typed("float32", [0.0] * len(tokens)),
        "tokenizer.ggml.token_type": Typed("int32", [2, 3, 3] + [6] * 256 + [3 if p in control else 4 for p in pieces]),
    }
    return _write(path, "llama", keys, _scripted_tensors(len(tokens), successors), vocab | template)


def recurrent(path: Path) -> Path:
    """A Mamba: one state per sequence, which cannot be cut."""
    keys = {
        "ssm.conv_kernel": 4,
        "ssm.inner_size": 2 * N_EMBD,
        "ssm.state_size": 16,
        "ssm.time_step_rank": 8,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "attention.head_count": 0,
        "feed_forward_length": 0,
    }
    return _write(path, "mamba", keys, _mamba_tensors(), _byte_vocab())


def encoder(path: Path, pooling: int, n_ctx: int = 64, broken_word: int | None = None, **changes: object) -> Path:
    """A BERT without memory. pooling: 1 mean, 2 the first token. A broken word is not a number."""
    keys = {
        "pooling_type": pooling,
        "attention.causal": False,
        "attention.head_count": N_HEAD,
        "attention.layer_norm_epsilon": 1e-5,
        "feed_forward_length": N_FF,
        "context_length": n_ctx,
    }
    return _write(path, "bert", {**keys, **changes}, _bert_tensors(n_ctx, broken_word), _word_vocab())


def adapter(path: Path, strength: float = 4.0, rank: int = 2) -> Path:
    """A LoRA for sliding_window()."""
    weights = _Weights()
    keys = {
        "general.architecture": "gemma3",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": strength,
    }
    tensors = [
        weights.matrix("blk.1.attn_output.weight.lora_a", N_EMBD, rank),
        weights.matrix("blk.1.attn_output.weight.lora_b", rank, N_EMBD),
    ]
    save_gguf(path, keys, tensors)
    return path


def _write(
    path: Path, arch: str, keys: Mapping[str, object], tensors: Iterator[TensorSpec], vocab: Mapping[str, object]
) -> Path:
    base = {"context_length": 1024, "embedding_length": N_EMBD, "block_count": N_LAYER}
    metadata = {"general.architecture": arch} | {f"{arch}.{key}": value for key, value in {**base, **keys}.items()}
    save_gguf(path, {**metadata, **vocab}, list(tensors))
    return path


def _attention() -> dict[str, object]:
    return {
        "attention.head_count": N_HEAD,
        "attention.head_count_kv": N_HEAD,
        "attention.key_length": HEAD,
        "attention.value_length": HEAD,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "feed_forward_length": N_FF,
    }


def _byte_vocab() -> dict[str, object]:
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": BYTES,
        "tokenizer.ggml.scores": Typed("float32", [0.0] * len(BYTES)),
        "tokenizer.ggml.token_type": Typed("int32", [2, 3, 3] + [6] * 256),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
    }


def _word_vocab() -> dict[str, object]:
    return {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.tokens": WORDS,
        "tokenizer.ggml.token_type": Typed("int32", [3] * 5 + [1] * (len(WORDS) - 5)),
        "tokenizer.ggml.token_type_count": 2,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.cls_token_id": 2,
        "tokenizer.ggml.seperator_token_id": 3,
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.unknown_token_id": 1,
        "tokenizer.ggml.padding_token_id": 0,
    }


class _Weights:
    """Normal random numbers, the same in every run."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(1)

    def matrix(self, name: str, *shape: int) -> TensorSpec:
        values = self.random.standard_normal(shape[::-1]) / np.sqrt(shape[0])
        return TensorSpec(name, "F32", shape, values.astype("<f4").tobytes())

    def constant(self, name: str, n: int, value: float) -> TensorSpec:
        return TensorSpec(name, "F32", (n,), np.full(n, value, "<f4").tobytes())


def _gemma_tensors(n_vocab: int = len(BYTES)) -> Iterator[TensorSpec]:
    weights = _Weights()
    yield weights.matrix("token_embd.weight", N_EMBD, n_vocab)
    yield weights.constant("output_norm.weight", N_EMBD, 1)
    for layer in range(N_LAYER):
        for name in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            yield weights.constant(f"blk.{layer}.{name}.weight", N_EMBD, 1)
        for name in ("attn_q_norm", "attn_k_norm"):
            yield weights.constant(f"blk.{layer}.{name}.weight", HEAD, 1)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield weights.matrix(f"blk.{layer}.{name}.weight", N_EMBD, N_EMBD)
        for name in ("ffn_gate", "ffn_up"):
            yield weights.matrix(f"blk.{layer}.{name}.weight", N_EMBD, N_FF)
        yield weights.matrix(f"blk.{layer}.ffn_down.weight", N_FF, N_EMBD)


def _scripted_tensors(n_vocab: int, successors: Mapping[int, int]) -> Iterator[TensorSpec]:
    """The last token alone decides: attention and feed-forward add nothing to its embedding."""
    n_embd = 32 * -(-n_vocab // 32)
    follows = np.full(n_vocab, BYTES.index("</s>"))
    for token, following in successors.items():
        follows[token] = following
    embeddings = np.eye(n_vocab, n_embd, dtype="<f4")
    output = np.zeros((n_vocab, n_embd), "<f4")
    output[follows, np.arange(n_vocab)] = 4
    yield TensorSpec("token_embd.weight", "F32", (n_embd, n_vocab), embeddings.tobytes())
    yield TensorSpec("output.weight", "F32", (n_embd, n_vocab), output.tobytes())
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        yield TensorSpec(f"{name}.weight", "F32", (n_embd,), np.ones(n_embd, "<f4").tobytes())
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        yield TensorSpec(f"blk.0.{name}.weight", "F32", (n_embd, n_embd), bytes(4 * n_embd * n_embd))
    for name, shape in (("ffn_gate", (n_embd, 32)), ("ffn_up", (n_embd, 32)), ("ffn_down", (32, n_embd))):
        yield TensorSpec(f"blk.0.{name}.weight", "F32", shape, bytes(4 * n_embd * 32))


def _mamba_tensors() -> Iterator[TensorSpec]:
    weights, inner, state, rank = _Weights(), 2 * N_EMBD, 16, 8
    yield weights.matrix("token_embd.weight", N_EMBD, len(BYTES))
    yield weights.constant("output_norm.weight", N_EMBD, 1)
    for layer in range(N_LAYER):
        yield weights.constant(f"blk.{layer}.attn_norm.weight", N_EMBD, 1)
        yield weights.matrix(f"blk.{layer}.ssm_in.weight", N_EMBD, 2 * inner)
        yield weights.matrix(f"blk.{layer}.ssm_conv1d.weight", 4, inner)
        yield weights.constant(f"blk.{layer}.ssm_conv1d.bias", inner, 0)
        yield weights.matrix(f"blk.{layer}.ssm_x.weight", inner, rank + 2 * state)
        yield weights.matrix(f"blk.{layer}.ssm_dt.weight", rank, inner)
        yield weights.constant(f"blk.{layer}.ssm_dt.bias", inner, 0)
        yield TensorSpec(f"blk.{layer}.ssm_a", "F32", (state, inner), np.full((inner, state), -1, "<f4").tobytes())
        yield weights.constant(f"blk.{layer}.ssm_d", inner, 1)
        yield weights.matrix(f"blk.{layer}.ssm_out.weight", inner, N_EMBD)


def _bert_tensors(n_ctx: int, broken_word: int | None = None) -> Iterator[TensorSpec]:
    weights = _Weights()
    words = weights.matrix("token_embd.weight", N_EMBD, len(WORDS))
    if broken_word is not None:
        values = np.frombuffer(words.data or b"", "<f4").reshape(-1, N_EMBD).copy()
        values[WORDS.index(f"\u2581w{broken_word}")] = np.nan
        words = replace(words, data=values.tobytes())
    yield words
    yield weights.matrix("token_types.weight", N_EMBD, 2)
    yield weights.matrix("position_embd.weight", N_EMBD, n_ctx)
    yield from _norm(weights, "token_embd_norm")
    for layer in range(N_LAYER):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield weights.matrix(f"blk.{layer}.{name}.weight", N_EMBD, N_EMBD)
            yield weights.constant(f"blk.{layer}.{name}.bias", N_EMBD, 0)
        yield weights.matrix(f"blk.{layer}.ffn_up.weight", N_EMBD, N_FF)
        yield weights.constant(f"blk.{layer}.ffn_up.bias", N_FF, 0)
        yield weights.matrix(f"blk.{layer}.ffn_down.weight", N_FF, N_EMBD)
        yield weights.constant(f"blk.{layer}.ffn_down.bias", N_EMBD, 0)
        yield from _norm(weights, f"blk.{layer}.attn_output_norm")
        yield from _norm(weights, f"blk.{layer}.layer_output_norm")


def _norm(weights: _Weights, name: str) -> Iterator[TensorSpec]:
    yield weights.constant(f"{name}.weight", N_EMBD, 1)
    yield weights.constant(f"{name}.bias", N_EMBD, 0)
