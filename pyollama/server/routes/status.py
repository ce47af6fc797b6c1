"""Is the server there, and which version of the API does it speak."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

import pyollama
from pyollama.server import answers
from pyollama.wire.ollama import Version

API_LEVEL = "0.33.0"  # the release of Ollama whose API this is; clients gate features on it

blueprint = Blueprint("status", __name__)


@blueprint.route("/", methods=["GET", "HEAD"])
async def root() -> Response:
    return answers.text("Ollama is running")


@blueprint.route("/api/version", methods=["GET", "HEAD"])
async def version() -> Response:
    return answers.json(Version(API_LEVEL, pyollama.__version__))
