"""The listening sockets and their connections, with a short way for streams.

A stream sends once per token. On Hypercorn's own way each send builds four events and waits three times for the
scheduler. Here the kernel is asked first, and what it does not take at once goes the long way; chunks of a stream also
skip the HTTP library, which has nothing to decide about them.

A connection owns no task beside the one that reads it and the request that it serves, so it is gone as soon as its
client is. When descriptors run out, the connection that has been idle longest makes room for a new one.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr, wrap_app

from pyollama.server.http11 import WANT_BODY, Protocol

SEND_CHUNK = "pyollama.send_chunk"  # in the state of a request's scope
SendChunk = Callable[[bytes], Awaitable[None]]

_RECEIVE_BYTES = 64 << 10
# accept(2): what happened to a client before it was accepted is told by the call that takes it
_CLIENT_GONE = (errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH)
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
_RETRY_SECONDS = 0.1

log = logging.getLogger("pyollama.server")


class OpenConnection:
    """One client's connection. Requests find ``send_chunk`` and ``want_body`` in their scope's state."""

    def __init__(self, served: Connections, stream: trio.SocketStream) -> None:
        self._served = served
        self._stream: Any = stream
        self._sending = trio.Lock()
        self._reading = trio.CancelScope()
        self._receiving = trio.CancelScope()  # within it: cancelled when the task has to look at something else

    async def run(self) -> None:
        """Serve the client until it leaves, is idle too long, or the server ends."""
        try:
            async with TaskGroup() as tasks:
                self._protocol = self._make_protocol(tasks)
                self._idle_since(trio.current_time())
                with self._reading:
                    await self._read()
                await self._protocol.handle(Closed())
        except* OSError:
            pass  # the client is gone; it may have been before it was accepted
        except* Exception:
            log.exception("a connection failed")  # and no other one with it
        finally:
            self.end()
            await self._close()

    def end(self) -> None:
        """Close the connection as soon as its task runs again. Idempotent."""
        self._served.left(self)
        self._reading.cancel()

    async def send_chunk(self, data: bytes) -> None:
        """Send one chunk of an HTTP/1.1 answer whose head was sent with ``Transfer-Encoding: chunked``."""
        if data:  # an empty chunk would end the answer
            await self._send(b"%x\r\n%b\r\n" % (len(data), data))

    def _make_protocol(self, tasks: TaskGroup) -> Protocol:
        sock = self._stream.socket
        served = self._served
        self._state: Any = ConnectionState({SEND_CHUNK: self.send_chunk})
        protocol = Protocol(
            served.app,
            served.config,
            served.context,
            tasks,
            self._state,
            False,
            parse_socket_addr(sock.family, sock.getpeername()),
            parse_socket_addr(sock.family, sock.getsockname()),
            self._event,
        )
        self._state[WANT_BODY] = protocol.want_body
        return protocol

    # --- what comes in ------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while True:
            if data := await self._receive():
                await self._protocol.handle(RawData(data))
            elif data is None and not self._is_overdue():
                await self._protocol.go_on()
            else:
                return

    async def _receive(self) -> bytes | None:
        """The next bytes, none at the client's end; None: the request under way is answered, or time is up."""
        self._receiving = trio.CancelScope(deadline=self._deadline())
        with self._receiving:
            if self._protocol.is_full:
                await trio.sleep_forever()
            try:
                return bytes(await self._stream.receive_some(_RECEIVE_BYTES))
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                return b""
        return None

    def _idle_since(self, moment: float) -> None:
        """``math.inf``: a request is under way."""
        self._idle = moment
        self._served.rest(self, is_idle=moment < math.inf)

    def _deadline(self) -> float:
        """A request has to be here in time, however slowly it comes; its body may take long, but not stand still."""
        if self._idle < math.inf:
            return self._idle + self._served.config.keep_alive_timeout
        if self._protocol.owes_bytes:
            return trio.current_time() + self._served.config.keep_alive_timeout
        return math.inf

    def _is_overdue(self) -> bool:
        return trio.current_time() >= self._receiving.deadline

    # --- what goes out ------------------------------------------------------------------------------------------------

    async def _event(self, event: Event) -> None:
        match event:
            case RawData(data):
                await self._send(data)
            case Updated(idle=True):
                self._idle_since(trio.current_time())
                if self._protocol.paused:
                    self._receiving.cancel()  # there is a next request already
                else:
                    self._receiving.deadline = self._deadline()
            case Updated():
                self._idle_since(math.inf)
            case Closed():
                self.end()
                await self._close()
                await self._protocol.handle(Closed())

    async def _send(self, data: bytes) -> None:
        """Cancelling this works, unlike Hypercorn's: a client that does not read must not keep the server from ending.

        What it leaves half-sent is the end of its connection.
        """
        if rest := data if self._sending.locked() else _send_now(self._stream, data):
            async with self._sending:
                try:
                    await self._stream.send_all(rest)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self.end()  # nobody may be reading who would notice
                    await self._protocol.handle(Closed())

    async def _close(self) -> None:
        try:
            await self._stream.send_eof()
        except (trio.BrokenResourceError, trio.BusyResourceError, trio.ClosedResourceError):
            pass  # gone already
        finally:
            await trio.aclose_forcefully(self._stream)


class Connections:
    """The open connections of a server."""

    def __init__(self, app: Any, config: Config, limit: float) -> None:
        """``limit``: most connections at a time."""
        self.app = wrap_app(app, config.wsgi_max_body_size, "asgi")
        self.config = config
        self.context = WorkerContext(None)
        self._limit = limit
        self._open: set[OpenConnection] = set()
        self._idle: dict[OpenConnection, None] = {}  # longest first
        self._someone_left = trio.Event()

    def rest(self, connection: OpenConnection, *, is_idle: bool) -> None:
        """Note that a connection has a request under way, or none."""
        self._idle.pop(connection, None)
        if is_idle:
            self._idle[connection] = None

    def left(self, connection: OpenConnection) -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)
        self._someone_left.set()

    def end_idle(self) -> None:
        for connection in list(self._idle):
            connection.end()

    async def accept_from(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        """Serve each new connection in the nursery, until cancelled."""
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if error.errno in _CLIENT_GONE:
                        continue
                    if error.errno not in _NO_ROOM:
                        raise
                    log.warning("no connection could be accepted", extra={"error": error.strerror})
                    self._end_longest_idle()
                    await trio.sleep(_RETRY_SECONDS)
                else:
                    connection = OpenConnection(self, stream)
                    self._open.add(connection)
                    nursery.start_soon(connection.run)
                while len(self._open) > self._limit:
                    await self._make_room()

    async def _make_room(self) -> None:
        if not self._end_longest_idle():
            if self._someone_left.is_set():  # else another listener waits for it too
                self._someone_left = trio.Event()
            await self._someone_left.wait()

    def _end_longest_idle(self) -> bool:
        longest = next(iter(self._idle), None)
        if longest is not None:
            longest.end()
        return longest is not None


async def serve_connections(
    app: Any,
    config: Config,
    listeners: Sequence[trio.SocketListener],
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Accept connections until ``stopping`` is set, close the listeners, and give answers under way a moment.

    The moment is ``config.graceful_timeout`` seconds. started(): connections are accepted.
    """
    connections = Connections(app, config, _most_connections())
    async with trio.open_nursery() as serving:
        async with trio.open_nursery() as accepting:
            for listener in listeners:
                accepting.start_soon(connections.accept_from, listener, serving)
            task_status.started()
            await stopping.wait()
            accepting.cancel_scope.cancel()
        await connections.context.terminated.set()  # who is answered now, is not kept
        connections.end_idle()
        serving.cancel_scope.deadline = trio.current_time() + config.graceful_timeout


def _most_connections() -> float:
    """Three quarters of the descriptors that a process may have; the rest is for files and runners."""
    if sys.platform == "win32":
        return math.inf
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)


def _send_now(stream: Any, data: bytes) -> bytes:
    """Give the kernel what it takes at once; returns the rest. Errors are left for the long way to find."""
    if sys.platform == "win32":
        return data
    try:
        return data[os.write(stream.socket.fileno(), data) :]
    except OSError:
        return data
