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
from pyollama.errors import CannotListen
from pyollama.scheduler import Scheduler
from pyollama.server import log as server_log
from pyollama.server.app import App, Services, make_app
from pyollama.server.routes.status import API_LEVEL
from pyollama.server.sockets import serve_connections
from pyollama.store import Store

IDLE_SECONDS = 300.0  # how long a connection without a request stays open
GRACE_SECONDS = 0.5  # for answers under way when the server stops
BACKLOG = 1024
EXIT_INTERRUPTED = 130
MAX_HEAD_BYTES = 64 << 10  # request line and headers
_UNLIMITED = 1 << 62

log = logging.getLogger("pyollama.server")
http_log = logging.getLogger("pyollama.server.http")


def serve(settings: Settings) -> None:
    """Run the server until SIGINT or SIGTERM, then unload all models and return. A second signal exits at once.

    Raises:
        CannotListen: the socket cannot be bound. Nothing was started.
        BadOrigin: the configured origins make no sense.
    """
    server_log.set_up(settings.debug)
    with _bind(settings.host) as listener:
        trio.run(_serve, settings, listener, strict_exception_groups=True)


async def _serve(settings: Settings, listener: socket.socket) -> None:
    store = Store(settings.models, noprune=settings.noprune)
    log.info("server config", extra={"env": settings.effective()})
    scheduler = Scheduler(settings)
    app = make_app(Services(settings, store, scheduler))
    await trio.to_thread.run_sync(store.prune)
    async with trio.open_nursery() as nursery:
        await nursery.start(scheduler.run)
        stopping = trio.Event()
        await nursery.start(_watch_signals, stopping)
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
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for number in signals:
            if stopping.is_set():
                os._exit(EXIT_INTERRUPTED)
            log.info("stopping", extra={"signal": signal.Signals(number).name})
            stopping.set()


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
