"""One HTTP request: its body, its lifetime, its end.

Differs from Quart's own in five ways. A request owns an exit stack that closes after its last byte was sent or when its
client leaves. An upload is handed over piece by piece instead of being collected. Nothing ends by a clock. An answer
given before the body was read lets the client finish sending, or it would see a reset instead of the answer. A stream
goes to the socket by a short way.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, cast

import quart
import trio
from quart.utils import encode_headers
from quart.wrappers.response import IterableBody
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers import TrioRequest

from pyollama.server.sockets import SEND_CHUNK

UPLOADS = "/api/blobs/"
LINGER_SECONDS = 5.0
_PIECES = 4  # of an upload that wait in memory, up to 64 KiB each


class Request(TrioRequest):
    """A request with what its handler may hold on to until the answer is sent."""

    exit_stack: AsyncExitStack

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arrived = time.perf_counter_ns()
        self.received = trio.Event()  # the whole body is here
        self.answered = False  # all but the last byte of the answer is sent
        self.is_upload = self.method == "POST" and self.path.startswith(UPLOADS)
        self._pieces, self._upload = trio.open_memory_channel[bytes](_PIECES)

    def upload(self) -> AsyncIterator[bytes]:
        """Pieces of an upload's body, as they arrive. The client waits while none is taken."""
        return self._upload

    async def take(self, data: bytes, *, last: bool) -> None:
        """Called by the connection with each part of the body."""
        if self.is_upload:
            if data:
                await self._pieces.send(data)
            if last:
                self._pieces.close()
        else:
            self.body.append(data)
            if last:
                self.body.set_complete()
        if last:
            self.received.set()

    async def drain(self) -> None:
        """Let the client finish sending what nobody reads, for a while."""
        if self.received.is_set():
            return
        with trio.move_on_after(LINGER_SECONDS):
            if self.is_upload:
                async for _ in self._upload:
                    pass
            await self.received.wait()


class Connection(TrioASGIHTTPConnection):
    """Runs one request; the client's leaving cancels it at once.

    Hypercorn reports the end of every request as the client's leaving, from inside the send of its last byte. That must
    not cancel: the same send goes on to close or to recycle the connection.
    """

    async def handle_messages(self, nursery: trio.Nursery, request: Any, receive: Any) -> None:  # type: ignore[override]
        while (message := await receive())["type"] != "http.disconnect":
            await request.take(message.get("body", b""), last=not message.get("more_body", False))
        if not request.answered:
            nursery.cancel_scope.cancel()

    async def handle_request(self, nursery: trio.Nursery, request: Any, send: Any) -> None:  # type: ignore[override]
        async with AsyncExitStack() as request.exit_stack:
            response = await self.app.handle_request(request)
            await request.drain()
            await self._send_response(partial(_send, request, send), response)
        nursery.cancel_scope.cancel()

    async def _send_response(self, send: Any, response: Any) -> None:
        """A stream goes the short way (``server.sockets``), everything else Quart's."""
        send_chunk = self.scope["state"].get(SEND_CHUNK)
        is_stream = isinstance(response.response, IterableBody) and "Content-Length" not in response.headers
        if send_chunk is None or not is_stream or self.scope["http_version"] != "1.1" or self.scope["method"] == "HEAD":
            await super()._send_response(send, response)
            return
        headers = encode_headers(response.headers)
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        async with response.response as chunks:
            async for chunk in chunks:
                await send_chunk(chunk)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(request: Request, send: Any, message: Any) -> None:
    if message["type"] == "http.response.body" and not message["more_body"]:
        request.answered = True
    await send(message)


def current() -> Request:
    """The request that the calling route serves."""
    return cast(Request, quart.request._get_current_object())  # type: ignore[attr-defined]
