"""Embeddings: the endpoint of today and the legacy one (api.md sections 7.5 and 7.6)."""

from __future__ import annotations

import time
from typing import Any

import trio
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest, EngineRefused, InputTooLong, ModelNotFound
from pyollama.scheduler.lease import Lease
from pyollama.server import answers, bodies, vectors
from pyollama.server.connection import current
from pyollama.server.lookup import FoundModel, find
from pyollama.server.pipeline import options_of
from pyollama.server.services import services
from pyollama.store import Model
from pyollama.wire.ollama import EmbeddingsRequest, EmbeddingsResponse, EmbedRequest, EmbedResponse, Inference

_RAW_FAMILIES = ("bert", "nomic-bert")  # give their vectors as they come, unless their metadata say otherwise

blueprint = Blueprint("embed", __name__)


@blueprint.post("/api/embed")
async def embed() -> Response:
    arrived = current().arrived
    call = await bodies.read(EmbedRequest)
    texts = _texts(call.input)
    keep_alive = bodies.keep_alive(call.keep_alive)
    if not call.model:
        raise ModelNotFound("")
    known, lease = await _load(call, keep_alive)
    if not texts:
        return answers.json(EmbedResponse(known.given, []))
    ready = time.perf_counter_ns()
    raw, tokens = await lease.embed(texts, options=options_of(known, call.options), truncate=call.truncate is not False)
    found = [vectors.to_json(vectors.shortened(vectors.unpack(one), call.dimensions or 0)) for one in raw]
    total = time.perf_counter_ns() - arrived
    return answers.json(EmbedResponse(known.given, found, total, ready - arrived, tokens))


@blueprint.post("/api/embeddings")
async def embeddings() -> Response:
    call = await bodies.read(EmbeddingsRequest)
    keep_alive = bodies.keep_alive(call.keep_alive)
    if not call.model:
        raise BadRequest("model is required")
    known, lease = await _load(call, keep_alive)
    if not call.prompt:
        return answers.json(EmbeddingsResponse(vectors.to_json(vectors.unpack(b""))))
    normalize = await trio.to_thread.run_sync(_is_normalized, known.model)
    options = options_of(known, call.options)
    try:
        raw, _ = await lease.embed([call.prompt], options=options, truncate=False, normalize=normalize)
    except InputTooLong as error:
        raise EngineRefused(str(error)) from error
    return answers.json(EmbeddingsResponse(vectors.to_json(vectors.unpack(raw[0]))))


async def _load(call: Inference, keep_alive: float | None) -> tuple[FoundModel, Lease]:
    known = await find(call.model or "", pull_first=True)
    use = services().scheduler.use(known.model, options_of(known, call.options), keep_alive)
    return known, await current().exit_stack.enter_async_context(use)


def _texts(given: Any) -> list[str]:
    """Nothing to embed gives an empty list. BadRequest for anything but text."""
    if given in (None, "", []):
        return []
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadRequest("invalid input type")
    return texts


def _is_normalized(model: Model) -> bool:
    """Whether the legacy endpoint gives this model's vectors with length 1."""
    if model.config.model_family not in _RAW_FAMILIES:
        return True
    with model.header() as header:
        return header.metadata.get(f"{model.config.model_family}.normalize_embeddings") is True
