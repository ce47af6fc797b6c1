"""Which models are loaded."""

from __future__ import annotations

import trio
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.scheduler.scheduler import LoadedInfo
from pyollama.server import answers
from pyollama.server.clock import local
from pyollama.server.services import services
from pyollama.wire.ollama import Details, RunningEntry, RunningResponse

blueprint = Blueprint("running", __name__)


@blueprint.get("/api/ps")
async def ps() -> Response:
    return answers.json(await trio.to_thread.run_sync(_list, services().scheduler.loaded()))


def _list(rows: list[LoadedInfo]) -> RunningResponse:
    return RunningResponse([_entry(row) for row in rows])


def _entry(row: LoadedInfo) -> RunningEntry:
    name = row.model.name.shortest()
    return RunningEntry(
        name=name,
        model=name,
        size=row.size,
        digest=row.model.digest,
        details=Details(**row.model.details | {"parent_model": ""}),
        expires_at=local(row.expires_at),
        size_vram=row.size_vram,
        context_length=row.context_length,
    )
