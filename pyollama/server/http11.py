"""HTTP/1.1 on one connection: Hypercorn's protocol on top of h11, with what Ollama's clients need of it.

Differs from Hypercorn's in five ways. An answer has a reason phrase. A client that sends its next request early is
still seen to leave. Nothing is upgraded: a request for a WebSocket or for HTTP/2 is answered like any other, behind the
same filters. A request whose length can be read in two ways ends its connection. ``100 Continue`` is said when the body
is wanted, so a body that would be refused is not even sent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import h11
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream

MAX_EARLY_BYTES = 64 << 10  # of a next request that came before the last one was answered
WANT_BODY = "pyollama.want_body"  # in the state of a request's scope
WantBody = Callable[[], Awaitable[None]]

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_REASONS[413] = b"Request Entity Too Large"  # as Go spells it


class Protocol(H11Protocol):
    """What the bytes of one connection mean. ``handle`` takes them in, ``send`` is called with what goes out."""

    connection: h11.Connection
    paused = False  # the next request is here, the last one is not answered yet

    async def handle(self, event: Event) -> None:
        if isinstance(event, RawData):
            self.connection.receive_data(event.data)
            await self.go_on()
        elif isinstance(event, Closed) and self.stream is not None:
            await self._close_stream()

    @property
    def is_full(self) -> bool:
        """Nothing more is to be read until the request under way is answered."""
        return self.paused and len(self.connection.trailing_data[0]) >= MAX_EARLY_BYTES

    @property
    def owes_bytes(self) -> bool:
        """The client is to send something: a request, or the rest of its body."""
        return self.connection.their_state in (h11.IDLE, h11.SEND_BODY)

    async def go_on(self) -> None:
        """Handle what has arrived. Called by the reading task only, so that parts of a body keep their order."""
        self.paused = False
        while True:
            try:
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint)
                return
            if event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                return
            if event is h11.PAUSED:
                self.paused = True
                return
            if isinstance(event, h11.Request):
                if _is_ambiguous(event) or not _names_a_path(event.target):
                    await self._refuse(400)
                    return
                await self.send(Updated(idle=False))
                await self._create_stream(event)
            elif self.stream is None:
                return
            elif isinstance(event, h11.Data):
                await self.stream.handle(Body(stream_id=STREAM_ID, data=event.data))
            elif isinstance(event, h11.EndOfMessage):
                await self.stream.handle(EndBody(stream_id=STREAM_ID))

    async def want_body(self) -> None:
        """Let a client that waits for it send its body."""
        if self.connection.they_are_waiting_for_100_continue:
            await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[]))

    async def _create_stream(self, request: h11.Request) -> None:
        self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )

    async def _send_h11_event(self, event: Any) -> None:
        if isinstance(event, h11.Response | h11.InformationalResponse) and not event.reason:
            reason = _REASONS.get(event.status_code, b"")
            event = type(event)(status_code=event.status_code, headers=event.headers, reason=reason)
        await super()._send_h11_event(event)

    async def _refuse(self, status: int) -> None:
        """The end of a connection whose bytes cannot be understood."""
        if self.connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            await self._send_error_response(status)
        await self.send(Closed())


def _is_ambiguous(request: h11.Request) -> bool:
    """Both ways to tell a body's length: a proxy may have read the other one (request smuggling)."""
    names = {name for name, _ in request.headers}
    chunked = b"transfer-encoding" in names
    return chunked and (b"content-length" in names or request.http_version < b"1.1")


def _names_a_path(target: bytes) -> bool:
    return target == b"*" or target.startswith((b"/", b"http://", b"https://"))
