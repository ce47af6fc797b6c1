"""The listening socket and its connections: Hypercorn's, with a short way for streams.

A stream sends once per token. On Hypercorn's own way each send builds four events and waits three times for the
scheduler. Here the kernel is asked first, and what it does not take at once goes the long way; chunks of a stream also
skip the HTTP library, which has nothing to decide about them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

SEND_CHUNK = "pyollama.send_chunk"  # in the state of a request's scope
SendChunk = Callable[[bytes], Awaitable[None]]


class DirectTCPServer(TCPServer):
    """One connection. Requests find ``send_chunk`` in their scope's state."""

    def __init__(self, app: Any, config: Config, context: WorkerContext, stream: trio.SocketStream) -> None:
        super().__init__(app, config, context, ConnectionState({SEND_CHUNK: self.send_chunk}), stream)  # type: ignore[arg-type]

    async def protocol_send(self, event: Event) -> None:
        """Unlike Hypercorn's, cancelling this works: a client that does not read must not keep the server from ending.

        What it leaves half-sent is the end of its connection.
        """
        if not isinstance(event, RawData):
            await super().protocol_send(event)
        elif rest := event.data if self.send_lock.locked() else _send_now(self.stream, event.data):
            await self._send_patiently(rest)

    async def _send_patiently(self, data: bytes) -> None:
        async with self.send_lock:
            try:
                await self.stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.protocol.handle(Closed())

    async def send_chunk(self, data: bytes) -> None:
        """Send one chunk of an HTTP/1.1 answer whose head was sent with ``Transfer-Encoding: chunked``."""
        if data:  # an empty chunk would end the answer
            await self.protocol_send(RawData(b"%x\r\n%b\r\n" % (len(data), data)))


async def serve_connections(
    app: Any,
    config: Config,
    listener: trio.SocketListener,
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept connections until ``stopping`` is set, close the listener, and give answers under way a moment.

    The moment is ``config.graceful_timeout`` seconds. started(): connections are accepted.
    """
    context = WorkerContext(None)
    handler = partial(DirectTCPServer, wrap_app(app, config.wsgi_max_body_size, "asgi"), config, context)
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            await accepting.start(partial(trio.serve_listeners, handler, [listener], handler_nursery=connections))
            task_status.started()
            await stopping.wait()
            accepting.cancel_scope.cancel()
        await context.terminated.set()  # connections without a request end now
        connections.cancel_scope.deadline = trio.current_time() + config.graceful_timeout


def _send_now(stream: Any, data: bytes) -> bytes:
    """Give the kernel what it takes at once; returns the rest. Errors are left for the long way to find."""
    if sys.platform == "win32":
        return data
    try:
        return data[os.write(stream.socket.fileno(), data) :]
    except OSError:
        return data
