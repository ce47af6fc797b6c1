"""The server process from its socket to its exit."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack

import trio
from hypercorn.config import Config as HypercornConfig

import pyollama
from pyollama.config import Address, Settings
from pyollama.errors import PyollamaError
from pyollama.scheduler import Scheduler
from pyollama.server import log as server_log
from pyollama.server.app import App, make_app
from pyollama.server.dialects.ollama.status import API_LEVEL
from pyollama.server.listening import allow_many_files, listen
from pyollama.server.services import Services
from pyollama.server.sockets import serve_connections
from pyollama.store import Store

IDLE_SECONDS = 300.0  # how long a connection without a request stays open
GRACE_SECONDS = 0.5  # for answers under way when the server stops
LAST_WORDS_SECONDS = 0.2  # of those, for what did not end by itself to say so
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_INTERRUPTED = 130
EXIT_STUCK = 1
SWITCH_SECONDS = 0.0005
STUCK_SECONDS = 10.0  # for everything else to end after a signal
MAX_HEAD_BYTES = 64 << 10  # request line and headers
LARGE_BLOCK = 1 << 20  # bytes; what is larger does not come from a heap
M_MMAP_THRESHOLD = -3  # mallopt(3)

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
    allow_many_files()
    _favour_the_event_loop()
    _give_memory_back()
    with ExitStack() as open_sockets:
        listeners = [open_sockets.enter_context(listener) for listener in listen(settings.host)]
        for number in STOP_SIGNALS:
            signal.signal(number, lambda *_: os._exit(EXIT_INTERRUPTED))  # holds where _watch_signals does not
        try:
            trio.run(_serve, settings, listeners)
        except ExceptionGroup as group:
            raise _reason(group) or group from None


def _favour_the_event_loop() -> None:
    """Threads that compute hand the interpreter over soon, and what is here for good is never searched for garbage."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()


def _give_memory_back() -> None:
    """Let glibc return large blocks to the system; by default it learns to keep those of up to 32 MiB."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


async def _serve(settings: Settings, listeners: Sequence[socket.socket]) -> None:
    store = Store(settings.models, noprune=settings.noprune)
    log.info("server config", extra={"env": settings.effective()})
    scheduler = Scheduler(settings)
    services = Services(settings, store, scheduler)
    app = make_app(services)
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch_signals, stopping)
        await trio.to_thread.run_sync(store.prune)
        await nursery.start(scheduler.run)
        nursery.start_soon(_end_answers, stopping, services)
        await run_app(app, listeners, stopping)
        nursery.cancel_scope.cancel()


async def _end_answers(stopping: trio.Event, services: Services) -> None:
    """Let no stream just break off: its last line is the whole answer's, or says why there is none."""
    await stopping.wait()
    await trio.sleep(GRACE_SECONDS - LAST_WORDS_SECONDS)
    services.scheduler.stop()
    services.works.stop()


async def run_app(
    app: App,
    listeners: Sequence[socket.socket],
    stopping: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests on listening sockets until ``stopping`` is set, then close them.

    started(): connections are accepted.
    """
    accepting = [trio.SocketListener(trio.socket.from_stdlib_socket(listener)) for listener in listeners]
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_connections, app, _config(), accepting, stopping)
        for listener in listeners:
            host, port = listener.getsockname()[:2]
            authority = Address(host=host, port=port).authority
            log.info(f"Listening on {authority} (version {API_LEVEL})", extra=_OUR_VERSION)
        task_status.started()


_OUR_VERSION = {"pyollama": pyollama.__version__}


def _config() -> HypercornConfig:
    config = HypercornConfig()
    config.accesslog = None
    config.errorlog = http_log
    config.include_server_header = False
    config.keep_alive_timeout = IDLE_SECONDS
    config.graceful_timeout = GRACE_SECONDS
    config.h11_max_incomplete_size = MAX_HEAD_BYTES
    return config


async def _watch_signals(stopping: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
    """Set ``stopping`` at the first signal; after it the handlers of ``serve`` are back."""
    with trio.open_signal_receiver(*STOP_SIGNALS) as signals:
        task_status.started()
        number = await anext(signals)
    log.info("stopping", extra={"signal": signal.Signals(number).name})
    _end_in_any_case()
    stopping.set()


def _end_in_any_case() -> None:
    """A thread that hangs in a system call, as files of a lost server do, must not keep the process alive."""
    timer = threading.Timer(STUCK_SECONDS, _give_up)
    timer.daemon = True
    timer.start()


def _give_up() -> None:
    log.error(f"something still runs {STUCK_SECONDS:g} s after the signal, the server ends without it")
    os._exit(EXIT_STUCK)


def _reason(group: BaseExceptionGroup[BaseException]) -> PyollamaError | None:
    """The error of ours that ended the server, out of the groups that nurseries wrap around it."""
    for error in group.exceptions:
        found = _reason(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, PyollamaError):
            return found
    return None
