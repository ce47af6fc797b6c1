"""The server process from its socket to its exit."""

from __future__ import annotations

import logging
import os
import signal
import socket

import trio
from hypercorn.config import Config as HypercornConfig

import pyollama
from pyollama.config import Address, Settings
from pyollama.errors import CannotListen, PyollamaError
from pyollama.scheduler import Scheduler
from pyollama.server import log as server_log
from pyollama.server.app import App, make_app
from pyollama.server.routes.status import API_LEVEL
from pyollama.server.services import Services
from pyollama.server.sockets import serve_connections
from pyollama.store import Store

IDLE_SECONDS = 300.0  # how long a connection without a request stays open
GRACE_SECONDS = 0.5  # for answers under way when the server stops
BACKLOG = 1024
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_INTERRUPTED = 130
MAX_HEAD_BYTES = 64 << 10  # request line and headers
_UNLIMITED = 1 << 62

log = logging.getLogger("pyollama.server")
http_log = logging.getLogger("pyollama.server.http")


def serve(settings: Settings) -> None:
    """Run the server until SIGINT or SIGTERM, then unload all models and return. A second signal exits at once.

    Call it in the main thread, as the last thing of a process: the signals stay ours, so that the second one also
    counts while the process ends.

    Raises:
        CannotListen: the socket cannot be bound. Nothing was started.
        BadOrigin: the configured origins make no sense.
        StoreError: the folder of models cannot be used.
    """
    server_log.set_up(settings.debug)
    with _bind(settings.host) as listener:
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: os._exit(EXIT_INTERRUPTED))  # holds where _watch_signals does not
        try:
            trio.run(_serve, settings, listener)
        except ExceptionGroup as group:
            raise _reason(group) or group from None


async def _serve(settings: Settings, listener: socket.socket) -> None:
    store = Store(settings.models, noprune=settings.noprune)
    log.info("server config", extra={"env": settings.effective()})
    scheduler = Scheduler(settings)
    app = make_app(Services(settings, store, scheduler))
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch_signals, stopping)
        await trio.to_thread.run_sync(store.prune)
        await nursery.start(scheduler.run)
        await run_app(app, listener, stopping)
        nursery.cancel_scope.cancel()


async def run_app(
    app: App,
    listener: socket.socket,
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests on a listening socket until ``stopping`` is set, then close it.

    started(): connections are accepted.
    """
    host, port = listener.getsockname()[:2]
    accepting = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_connections, app, _config(), accepting, stopping)
        log.info(f"Listening on {Address(host=host, port=port).authority} (version {API_LEVEL})", extra=_OUR_VERSION)
        task_status.started()


_OUR_VERSION = {"pyollama": pyollama.__version__}


def _config() -> HypercornConfig:
    config = HypercornConfig()
    config.accesslog = None
    config.errorlog = http_log
    config.include_server_header = False
    config.keep_alive_timeout = IDLE_SECONDS
    config.keep_alive_max_requests = _UNLIMITED
    config.graceful_timeout = GRACE_SECONDS
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    return config


async def _watch_signals(stopping: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
    """Set ``stopping`` at the first signal; after it the handlers of ``serve`` are back."""
    with trio.open_signal_receiver(*STOP_SIGNALS) as signals:
        task_status.started()
        number = await anext(signals)
    log.info("stopping", extra={"signal": signal.Signals(number).name})
    stopping.set()


def _reason(group: BaseExceptionGroup[BaseException]) -> PyollamaError | None:
    """The error of ours that ended the server, out of the groups that nurseries wrap around it."""
    for error in group.exceptions:
        found = _reason(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, PyollamaError):
            return found
    return None


def _bind(address: Address) -> socket.socket:
    """A listening socket. CannotListen, in the words a user can look up."""
    try:
        infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = infos[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotListen(address.authority, (error.strerror or str(error)).lower()) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(address.authority, (error.strerror or str(error)).lower()) from error
    return listener
