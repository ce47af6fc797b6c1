"""What generate and chat do with an ``Ask``: load a model, show the prompt, or answer."""

from __future__ import annotations

from quart_trio.wrappers import TrioResponse as Response

from pyollama.server import answers, pipeline
from pyollama.server.asking import Ask
from pyollama.server.dialects.ollama.encoder import ChatEncoder, GenerateEncoder
from pyollama.wire.ollama import DebugInfo


async def respond(ask: Ask, encoder: GenerateEncoder | ChatEncoder) -> Response:
    if ask.task.is_empty:
        return answers.json(encoder.empty(done=True, done_reason=await pipeline.load(ask)))
    if ask.preview:
        shown = await pipeline.preview(ask)
        info = DebugInfo(shown.prompt, shown.n_images)
        return await answers.large_json(encoder.empty(done=False, debug_info=info))
    return await pipeline.answer(ask, encoder)
