"""Embeddings: the endpoint of today and the legacy one."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import trio
from msgspec import Raw
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest, EngineRefused, ModelNotFound
from pyollama.scheduler.lease import Lease
from pyollama.server import answers, bodies, embedding
from pyollama.server.connection import current
from pyollama.server.embedding import Vectors
from pyollama.server.lookup import FoundModel, find
from pyollama.server.offload import offload
from pyollama.server.pipeline import options_of
from pyollama.server.services import services
from pyollama.wire.ollama import EmbeddingsRequest, EmbeddingsResponse, EmbedRequest, EmbedResponse, Inference

_VECTORS = Raw(b"[...]")  # where they go in the encoded answer; no name of a model has a bracket
_MANY = 100_000  # texts that are looked through in a few milliseconds

blueprint = Blueprint("embed", __name__)


@blueprint.post("/api/embed")
async def embed() -> Response:
    arrived = current().arrived
    call = await bodies.read(EmbedRequest)
    texts = await _texts(call.input)
    keep_alive = bodies.keep_alive(call.keep_alive)
    if not call.model:
        raise ModelNotFound("")
    found, lease = await _load(call, keep_alive)
    ready = time.perf_counter_ns()
    if not texts:
        return answers.json(EmbedResponse(found.given, Raw(b"[]")))
    options = options_of(found, call.options)
    truncate = call.truncate is not False
    vectors = await embedding.embed(lease, texts, options, truncate=truncate, dimensions=call.dimensions or 0)
    total = time.perf_counter_ns() - arrived
    return await _written(EmbedResponse(found.given, _VECTORS, total, ready - arrived, vectors.n_tokens), vectors)


async def _written(answer: EmbedResponse, vectors: Vectors) -> Response:
    """Small answers in one piece. Large ones are written while the client reads them."""
    before, _, after = msgspec.json.encode(answer).partition(bytes(_VECTORS))

    async def pieces() -> AsyncIterator[bytes]:
        yield before
        async for piece in vectors.json():
            yield piece
        yield after

    if vectors.size > embedding.WRITTEN_AT_ONCE:
        return Response(pieces(), content_type=answers.JSON)
    return Response(b"".join([piece async for piece in pieces()]), content_type=answers.JSON)


@blueprint.post("/api/embeddings")
async def embeddings() -> Response:
    call = await bodies.read(EmbeddingsRequest)
    keep_alive = bodies.keep_alive(call.keep_alive)
    if not call.model:
        raise BadRequest("model is required")
    found, lease = await _load(call, keep_alive)
    if not call.prompt:
        return answers.json(EmbeddingsResponse(Raw(b"[]")))
    normalize = await trio.to_thread.run_sync(embedding.is_normalized, found.model)
    options = options_of(found, call.options)
    try:
        vectors = await embedding.embed(lease, [call.prompt], options, truncate=False, normalize=normalize)
    except (BadRequest, EngineRefused) as error:  # this endpoint blames itself
        raise EngineRefused(str(error)) from error
    written = b"".join([piece async for piece in vectors.json()])
    return answers.json(EmbeddingsResponse(Raw(written[1:-1])))


async def _load(call: Inference, keep_alive: float | None) -> tuple[FoundModel, Lease]:
    found = await find(call.model or "", pull_first=True)
    use = services().scheduler.use(found.model, options_of(found, call.options), keep_alive)
    return found, await current().exit_stack.enter_async_context(use)


async def _texts(given: Any) -> list[str]:
    """Nothing to embed gives an empty list. BadRequest for anything but text."""
    if given in (None, "", []):
        return []
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list):
        raise BadRequest("invalid input type")
    if not (await offload(_are_texts, texts) if len(texts) > _MANY else _are_texts(texts)):
        raise BadRequest("invalid input type")
    return texts


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
