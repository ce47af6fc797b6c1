"""Chat: answer a conversation."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.server import bodies
from pyollama.server.connection import current
from pyollama.server.dialects.ollama import decoder
from pyollama.server.dialects.ollama.encoder import ChatEncoder
from pyollama.server.dialects.ollama.inference import respond
from pyollama.wire.ollama import ChatRequest

blueprint = Blueprint("chat", __name__)


@blueprint.post("/api/chat")
async def chat() -> Response:
    ask = await decoder.chat(await bodies.read(ChatRequest), current().arrived)
    return await respond(ask, ChatEncoder(ask))
