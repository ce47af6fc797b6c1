"""Is the server there, which version of the API does it speak, and how does it do."""

from __future__ import annotations

import time

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

import pyollama
from pyollama.runner.devices import list_devices
from pyollama.server import answers
from pyollama.server.services import services
from pyollama.wire import ollama as wire

API_LEVEL = "0.33.0"  # the release of Ollama whose API this is; clients gate features on it

blueprint = Blueprint("status", __name__)


@blueprint.route("/", methods=["GET", "HEAD"])
async def root() -> Response:
    return answers.text("Ollama is running")


@blueprint.route("/api/version", methods=["GET", "HEAD"])
async def version() -> Response:
    return answers.json(wire.Version(API_LEVEL, pyollama.__version__))


@blueprint.get("/api/status")
async def status() -> Response:
    here = services()
    ours = wire.ServerStatus(
        version=pyollama.__version__,
        uptime_s=round(time.monotonic() - here.started, 3),
        devices=[
            wire.DeviceStatus(device["name"], device["kind"], device["memory_total"], device["memory_free"])
            for device in await list_devices()
        ],
        loaded=[row.model.name.shortest() for row in here.scheduler.loaded()],
        queued=here.scheduler.queued,
    )
    return answers.json(wire.Status(cloud=wire.CloudStatus(), pyollama=ours))
