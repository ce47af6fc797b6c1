"""What belongs to Ollama's online service, which this server does not use: clients get an answer they understand."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import CloudDisabled
from pyollama.server import answers
from pyollama.wire.ollama import ErrorAnswer

blueprint = Blueprint("cloud", __name__)


@blueprint.post("/api/me")
async def me() -> Response:
    """Who is signed in: clients ask before a push, and go on without an account."""
    return answers.json(ErrorAnswer("account unavailable"), status=503)


@blueprint.get("/api/experimental/model-recommendations")
async def recommendations() -> Response:
    return answers.json({"recommendations": []})  # Ollama's are models of its service


@blueprint.post("/api/experimental/web_search")
async def web_search() -> Response:
    raise CloudDisabled("web search is")


@blueprint.post("/api/experimental/web_fetch")
async def web_fetch() -> Response:
    raise CloudDisabled("web fetch is")
