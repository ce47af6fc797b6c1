"""Everything about one stored model."""

from __future__ import annotations

from typing import Any

import msgspec
import trio
from msgspec import Raw
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest, CloudDisabled
from pyollama.server import answers
from pyollama.server.bodies import read
from pyollama.server.clock import local
from pyollama.server.connection import current
from pyollama.server.lookup import named
from pyollama.server.services import services
from pyollama.store import ModelName, strip_source_suffix
from pyollama.store import show as stored
from pyollama.wire.ollama import ShowRequest

_AT_ONCE = 1 << 14  # elements of a list that one call encodes: no other thread runs meanwhile
_COPILOT = "GitHubCopilotChat/"  # takes the name it shows from the metadata

blueprint = Blueprint("show", __name__)


@blueprint.post("/api/show")
async def show() -> Response:
    call = await read(ShowRequest)
    given = named(call.model, call.name, BadRequest("model is required"))
    source = strip_source_suffix(given)
    name = ModelName.parse(source.text)
    if source.cloud:
        raise CloudDisabled("remote model details are")
    answer = await trio.to_thread.run_sync(_describe, call, name)
    if current().headers.get("User-Agent", "").startswith(_COPILOT):
        answer["model_info"]["general.basename"] = given
    return answers.json(answer)


def _describe(call: ShowRequest, name: ModelName) -> dict[str, Any]:
    here = services()
    model = here.store.open_model(name)
    answer = stored.show(
        model,
        verbose=bool(call.verbose),
        system=call.system,
        options=call.options,
        go_template=here.settings.go_template,
    )
    answer["model_info"] = {key: _written(value) for key, value in answer["model_info"].items()}
    last = {"requires": answer.pop("requires")} if "requires" in answer else {}
    return answer | {"modified_at": local(model.modified_at)} | last


def _written(value: Any) -> Any:
    """A list as JSON already: vocabularies have hundreds of thousands of elements, which the event loop never sees."""
    if not isinstance(value, list):
        return value
    pieces = [msgspec.json.encode(value[at : at + _AT_ONCE])[1:-1] for at in range(0, len(value), _AT_ONCE)]
    return Raw(b"[" + b",".join(pieces) + b"]")
