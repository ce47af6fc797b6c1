"""One HTTP request: its body, its lifetime, its end.

Differs from Quart's own in six ways. A request owns an exit stack that closes after its last byte was sent or when its
client leaves. An upload is handed over piece by piece instead of being collected. What is collected counts against one
budget for all requests. Nothing ends by a clock. An answer given before the body was read goes out at once; then the
client may finish sending, or it would see a reset instead of the answer. A stream goes to the socket by a short way.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, cast

import quart
import trio
from quart.utils import encode_headers
from quart.wrappers.response import IterableBody
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers import TrioRequest

from pyollama.errors import PyollamaError
from pyollama.server.http11 import WANT_BODY
from pyollama.server.intake import EXTENSION, Intake
from pyollama.server.sockets import SEND_CHUNK

UPLOADS = "/api/blobs/"
LINGER_SECONDS = 5.0
FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
_PIECES = 4  # of an upload that wait in memory, up to 64 KiB each


class Request(TrioRequest):
    """A request with what its handler may hold on to until the answer is sent."""

    exit_stack: AsyncExitStack
    intake: Intake

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arrived = time.perf_counter_ns()
        self.answered = False  # all but the last byte of the answer is sent
        self.is_upload = self.method == "POST" and self.path.startswith(UPLOADS)
        self._received = trio.Event()  # the whole body is here
        self._settled = trio.Event()  # it is here, or never will be
        self._refusal: PyollamaError | None = None
        self._wanted = False
        self._dropping = False
        self._content = bytearray()
        self._held = 0  # bytes counted by the intake
        self._pieces, self._upload = trio.open_memory_channel[bytes](_PIECES)

    @property
    def is_local(self) -> bool:
        """Whether the client runs on this machine: a loopback address or a Unix socket, and nothing was forwarded."""
        if any(name in self.headers for name in FORWARDING_HEADERS):
            return False
        client = self.scope.get("client")
        return client is None or _is_loopback(client[0])

    async def content(self) -> bytearray:
        """The whole body, which the request then no longer keeps. BodyTooLarge, TooManyBodies."""
        self.intake.check(self.content_length or 0)
        await self._want()
        await self._settled.wait()
        if self._refusal is not None:
            raise self._refusal
        content, self._content = self._content, bytearray()
        return content

    def upload(self) -> AsyncIterator[bytes]:
        """Pieces of an upload's body, as they arrive. The client waits while none is taken."""
        return _Upload(self._want, self._upload)

    async def take(self, data: bytes, *, last: bool) -> None:
        """Called by the connection with each part of the body."""
        if self.is_upload:
            await self._pass_on(data, last=last)
        elif not self._dropping:
            self._keep(data)
        if last:
            self._received.set()
            self._settled.set()

    async def _pass_on(self, data: bytes, *, last: bool) -> None:
        with contextlib.suppress(trio.BrokenResourceError):  # nobody takes it any more
            if data:
                await self._pieces.send(data)
        if last:
            self._pieces.close()

    def _keep(self, data: bytes) -> None:
        try:
            self.intake.take(len(data), self._held + len(data))
        except PyollamaError as refusal:
            self._refusal = refusal
            self.release()
            self._settled.set()
        else:
            self._held += len(data)
            self._content += data

    def _drop(self) -> None:
        self._dropping = True
        self._content = bytearray()

    async def _want(self) -> None:
        """Tell a client that asks first to send its body."""
        self._wanted = True
        if (want_body := self.scope["state"].get(WANT_BODY)) is not None:
            await want_body()

    async def drain(self) -> None:
        """Let the client finish sending what nobody reads, for a while."""
        asks_first = self.headers.get("Expect", "").lower() == "100-continue"
        if self._received.is_set() or (asks_first and not self._wanted):
            return
        self._drop()
        with trio.move_on_after(LINGER_SECONDS):
            if self.is_upload:
                async for _ in self._upload:
                    pass
            await self._received.wait()
        self._upload.close()  # what still comes is not waited for, or the end of the request would wait for its body

    def release(self) -> None:
        """Forget the body, and let others have its memory."""
        self._drop()
        self.intake.give_back(self._held)
        self._held = 0


class _Upload:
    """No generator, which would have to be closed by whoever stops early."""

    def __init__(self, want: Callable[[], Awaitable[None]], pieces: trio.MemoryReceiveChannel[bytes]) -> None:
        self._want = want
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await self._want()
        return await self._pieces.__anext__()


class Connection(TrioASGIHTTPConnection):
    """Runs one request; the client's leaving cancels it at once.

    Hypercorn reports the end of every request as the client's leaving, from inside the send of its last byte. That must
    not cancel: the same send goes on to close or to recycle the connection.
    """

    def _create_request_from_scope(self, send: Any) -> Request:
        request = cast(Request, super()._create_request_from_scope(send))
        request.intake = self.app.extensions[EXTENSION]
        return request

    async def handle_messages(self, nursery: trio.Nursery, request: Any, receive: Any) -> None:  # type: ignore[override]
        while (message := await receive())["type"] != "http.disconnect":
            await request.take(message.get("body", b""), last=not message.get("more_body", False))
        if not request.answered:
            nursery.cancel_scope.cancel()

    async def handle_request(self, nursery: trio.Nursery, request: Any, send: Any) -> None:  # type: ignore[override]
        async with AsyncExitStack() as request.exit_stack:
            request.exit_stack.callback(request.release)
            response = await self.app.handle_request(request)
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
        await request.drain()
        request.answered = True
    await send(message)


def current() -> Request:
    """The request that the calling route serves."""
    return cast(Request, quart.request._get_current_object())  # type: ignore[attr-defined]


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
