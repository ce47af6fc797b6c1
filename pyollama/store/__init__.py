"""Models on disk, in Ollama's layout: names, digests, blobs, manifests and models. Never imports Trio."""

from pyollama.store.blobs import BlobStore, BlobWriter
from pyollama.store.capabilities import ActiveTemplate
from pyollama.store.configs import Config
from pyollama.store.digests import Digest
from pyollama.store.manifests import Layer, Manifest
from pyollama.store.models import Model
from pyollama.store.names import ModelName, SourceName, strip_source_suffix
from pyollama.store.store import Store

__all__ = [
    "ActiveTemplate",
    "BlobStore",
    "BlobWriter",
    "Config",
    "Digest",
    "Layer",
    "Manifest",
    "Model",
    "ModelName",
    "SourceName",
    "Store",
    "strip_source_suffix",
]
