"""Generate: complete a prompt."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.server import bodies
from pyollama.server.connection import current
from pyollama.server.dialects.ollama import decoder
from pyollama.server.dialects.ollama.encoder import GenerateEncoder
from pyollama.server.dialects.ollama.inference import respond
from pyollama.wire.ollama import GenerateRequest

blueprint = Blueprint("generate", __name__)


@blueprint.post("/api/generate")
async def generate() -> Response:
    ask = await decoder.generate(await bodies.read(GenerateRequest), current().arrived)
    return await respond(ask, GenerateEncoder(ask))
