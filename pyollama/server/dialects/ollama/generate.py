"""Generate: complete a prompt."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.server import answers, bodies, pipeline
from pyollama.server.clock import utc_now
from pyollama.server.connection import current
from pyollama.server.dialects.ollama import decoder
from pyollama.server.dialects.ollama.encoder import GenerateEncoder
from pyollama.wire import ollama as wire

blueprint = Blueprint("generate", __name__)


@blueprint.post("/api/generate")
async def generate() -> Response:
    ask = await decoder.generate(await bodies.read(wire.GenerateRequest), current().arrived)
    if ask.task.is_empty:
        return answers.json(_empty(ask.model, done=True, done_reason=await pipeline.load(ask)))
    if ask.preview:
        shown = await pipeline.preview(ask)
        info = wire.DebugInfo(shown.prompt, shown.n_images)
        return await answers.large_json(_empty(ask.model, done=False, debug_info=info))
    return await pipeline.answer(ask, GenerateEncoder(ask))


def _empty(model: str, **fields: object) -> wire.GenerateResponse:
    return wire.GenerateResponse(model=model, created_at=utc_now(), response="", **fields)  # type: ignore[arg-type]
