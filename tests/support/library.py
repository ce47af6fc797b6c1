"""A models directory as Ollama leaves it, written by hand: none of our own code decides a byte of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.gguf_writer import TensorSpec, write_gguf

LAYER = "application/vnd.ollama.image."
CONFIG = "application/vnd.docker.container.image.v1+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DEFAULT = ("registry.ollama.ai", "library")


def tiny_gguf(keys: Mapping[str, object] | None = None, tensors: Sequence[TensorSpec] | None = None) -> bytes:
    """A sound GGUF file of some hundred bytes: 1,000 F16 parameters of a llama."""
    metadata: dict[str, object] = {
        "general.architecture": "llama",
        "general.name": "Tiny",
        "general.file_type": 1,
        "llama.block_count": 1,
        "llama.context_length": 2048,
        "llama.embedding_length": 8,
        "tokenizer.ggml.tokens": ["<s>", "a", "b"],
    }
    if tensors is None:
        tensors = [TensorSpec("token_embd.weight", "F16", (8, 125))]
    return write_gguf(metadata | dict(keys or {}), tensors)


def put_blob(root: Path, data: bytes) -> str:
    """Store ``data``; its digest, ``sha256:<hex>``."""
    digest = hashlib.sha256(data).hexdigest()
    path = root / "blobs" / f"sha256-{digest}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return f"sha256:{digest}"


def put_model(
    root: Path,
    model: str,
    layers: Sequence[tuple[str, bytes]] = (),
    *,
    tag: str = "latest",
    place: tuple[str, str] = DEFAULT,
    config: Mapping[str, object] | None = None,
) -> Path:
    """Write a model of these layers, each a kind and its content; the path of its manifest."""
    raw = json.dumps(config if config is not None else {"model_format": "gguf", "model_family": "llama"}).encode()
    tree = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": put_blob(root, raw), "size": len(raw)},
        "layers": [
            {"mediaType": LAYER + kind, "digest": put_blob(root, data), "size": len(data)} for kind, data in layers
        ],
    }
    return put_manifest(root, json.dumps(tree).encode(), model, tag=tag, place=place)


def put_manifest(root: Path, raw: bytes, model: str, *, tag: str = "latest", place: tuple[str, str] = DEFAULT) -> Path:
    path = root.joinpath("manifests", *place, model, tag)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def blobs(root: Path) -> set[str]:
    """The names of all files in ``blobs``."""
    folder = root / "blobs"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()
