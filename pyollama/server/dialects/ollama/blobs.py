"""Blobs: is one there, and uploading one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BlobNotFound
from pyollama.server import answers
from pyollama.server.connection import current
from pyollama.server.services import services
from pyollama.store import BlobWriter, Digest

_BATCH_BYTES = 1 << 20  # written and hashed per visit to a thread
_disk = trio.CapacityLimiter(16)  # threads of their own: a disk that hangs keeps no other request waiting

blueprint = Blueprint("blobs", __name__)


@blueprint.route("/api/blobs/<digest>", methods=["HEAD"])
async def head(digest: str) -> Response:
    if not services().store.blobs.has(Digest.parse(digest)):
        raise BlobNotFound(digest)
    return answers.empty()


@blueprint.post("/api/blobs/<digest>")
async def upload(digest: str) -> Response:
    """201: stored now. 200: was there already, and the body is not looked at."""
    expected = Digest.parse(digest)
    if await trio.to_thread.run_sync(services().store.blobs.reuse, expected, limiter=_disk):
        return answers.empty(200)
    async with _writer(expected) as writer:
        batch = bytearray()
        async for piece in current().upload():
            batch += piece
            if len(batch) >= _BATCH_BYTES:
                await trio.to_thread.run_sync(writer.write, batch, limiter=_disk)
                batch = bytearray()
        await trio.to_thread.run_sync(writer.write, batch, limiter=_disk)
        await trio.to_thread.run_sync(writer.commit, limiter=_disk)
    return answers.empty(201)


@asynccontextmanager
async def _writer(expected: Digest) -> AsyncIterator[BlobWriter]:
    """A blob in the making; its files are opened and removed in threads. Without commit nothing of it stays."""
    manager = services().store.blobs.writer(expected)
    writer = await trio.to_thread.run_sync(manager.__enter__, limiter=_disk)
    try:
        yield writer
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(manager.__exit__, None, None, None, limiter=_disk)
