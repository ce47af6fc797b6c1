"""The stored models: listing, copying and deleting them."""

from __future__ import annotations

import msgspec
import trio
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest, InvalidName
from pyollama.server import answers
from pyollama.server.bodies import read
from pyollama.server.clock import local
from pyollama.server.lookup import named
from pyollama.server.services import services
from pyollama.store import Model, ModelName, Store, strip_source_suffix
from pyollama.wire.ollama import CopyRequest, DeleteRequest, Details, TagsEntry, TagsResponse

blueprint = Blueprint("library", __name__)


@blueprint.route("/api/tags", methods=["GET", "HEAD"])
async def tags() -> Response:
    here = services()
    return answers.json(await trio.to_thread.run_sync(_list, here.store, here.settings.go_template))


@blueprint.post("/api/copy")
async def copy() -> Response:
    call = await read(CopyRequest)
    source = _parse(call.source, "source")
    destination = _parse(call.destination, "destination")
    await trio.to_thread.run_sync(services().store.copy, source, destination, call.source)
    return answers.empty()


@blueprint.delete("/api/delete")
async def delete() -> Response:
    call = await read(DeleteRequest)
    given = named(call.model, call.name, BadRequest("model is required"))
    text = strip_source_suffix(given).text
    try:
        name = ModelName.parse(text)
    except InvalidName:
        raise InvalidName(f'name "{given}" is invalid') from None
    await trio.to_thread.run_sync(services().store.delete, name, given)
    return answers.empty()


def _parse(given: str | None, field: str) -> ModelName:
    try:
        return ModelName.parse(given or "")
    except InvalidName:
        raise InvalidName(f'{field} "{given or ""}" is invalid') from None


def _list(store: Store, go_template: bool | None) -> TagsResponse:
    return TagsResponse([_entry(model, go_template) for model in store.list_models()])


def _entry(model: Model, go_template: bool | None) -> TagsEntry:
    name = model.name.shortest()
    return TagsEntry(
        name=name,
        model=name,
        modified_at=local(model.modified_at),
        size=model.size,
        digest=model.digest,
        details=msgspec.convert(model.details | model.lengths, Details),
        capabilities=sorted(model.capabilities(go_template)) or msgspec.UNSET,
    )
