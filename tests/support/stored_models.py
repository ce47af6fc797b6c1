"""Models in a real store, made without the create pipeline."""

from __future__ import annotations

from pathlib import Path

from support.gguf_writer import TensorSpec, write_gguf

from pyollama.store import Layer, Manifest, Model, ModelName, Store

IMAGE = "application/vnd.ollama.image."

HYPERPARAMETERS: dict[str, object] = {
    "general.architecture": "llama",
    "llama.context_length": 32768,
    "llama.block_count": 2,
    "llama.embedding_length": 64,
    "llama.feed_forward_length": 128,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "b"],
}


def header_only(**changes: object) -> bytes:
    """A GGUF with a sound header and nothing to run. Double underscores in a key stand for dots."""
    keys = HYPERPARAMETERS | {key.replace("__", "."): value for key, value in changes.items()}
    return write_gguf({key: value for key, value in keys.items() if value is not None}, [TensorSpec("output.weight")])


def store_model(store: Store, name: str, weights: bytes | Path, *adapters: bytes) -> Model:
    """A model with these weights under this name."""
    parsed = ModelName.parse(name)
    with store.guard.adding() as pins:
        add = (
            store.blobs.add_file(weights, pins=pins)
            if isinstance(weights, Path)
            else store.blobs.add_bytes(weights, pins=pins)
        )
        digests = [("model", add[0])]
        digests += [("adapter", store.blobs.add_bytes(data, pins=pins)[0]) for data in adapters]
        config, _ = store.blobs.add_bytes(b'{"model_format":"gguf"}', pins=pins)
        layers = [Layer(IMAGE + kind, digest, store.blobs.size(digest)) for kind, digest in digests]
        manifest = Manifest.build(Layer("application/vnd.docker.container.image.v1+json", config, 23), layers)
        store.commit(parsed, manifest)
    return store.open_model(parsed)
