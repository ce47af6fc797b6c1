"""pull and push: not there yet, refused clearly."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest, InvalidName, NotSupported
from pyollama.server.bodies import read
from pyollama.server.lookup import named
from pyollama.store import ModelName
from pyollama.wire.ollama import TransferRequest

blueprint = Blueprint("transfers", __name__)


@blueprint.post("/api/pull")
async def pull() -> Response:
    call = await read(TransferRequest)
    ModelName.parse(named(call.model, call.name, InvalidName()).strip())
    raise NotSupported("pulling models")


@blueprint.post("/api/push")
async def push() -> Response:
    call = await read(TransferRequest)
    named(call.model, call.name, BadRequest("model is required"))
    raise NotSupported("pushing models")
