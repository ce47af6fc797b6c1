"""The server's side of a runner process: starts it, sends commands, hands each event to the request it belongs to."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import TypeVar

import msgspec
import trio

from pyollama import errors
from pyollama.runner.frames import FrameError, FrameReader
from pyollama.runner.heartbeat import PATIENCE_SECONDS, QUIET_SECONDS, Heartbeat
from pyollama.runner.inbox import Answer, Explain, Inbox, Reply, to_error, to_load_error
from pyollama.runner.outbox import Outbox
from pyollama.runner.process import ChildProcess, describe_exit
from pyollama.wire import runner as wire

READ_SIZE = 1 << 16
EXIT_GRACE = 1.0  # seconds for a process that closed its pipe to be gone, and for its last words
CHILD_COMMAND = (sys.executable, "-P", "-m", "pyollama.runner.child")
_log = logging.getLogger("pyollama.runner")
_Request = wire.Generate | wire.Render | wire.Tokenize | wire.Detokenize | wire.Embed
_A = TypeVar("_A", bound=Answer)


class Runner:
    """One runner process and the requests that wait for its events."""

    def __init__(
        self,
        spec: wire.LoadSpec,
        *,
        name: str,
        stall_seconds: float = math.inf,
        heartbeat: tuple[float, float] = (QUIET_SECONDS, PATIENCE_SECONDS),
        command: Sequence[str] = CHILD_COMMAND,
    ) -> None:
        """
        Args:
            name: of the model, for the log.
            stall_seconds: give up a load that reports no progress for so long.
            heartbeat: seconds of silence before a process with work is asked for a sign of life, and for its answer.
            command: starts the process; our process id is appended.
        """
        self.spec = spec
        self.name = name
        self.info: wire.Loaded | None = None
        self.progress = 0.0  # part of the model that is loaded, 0 to 1
        self.pid: int | None = None
        self.lost = False
        self._stall_seconds = stall_seconds
        self._command = command
        self._ids = count(1)
        self._waiting: dict[int, Inbox | Reply] = {}
        self._outbox = Outbox()
        quiet, patience = heartbeat
        self._heartbeat = Heartbeat(self._ping, self._has_work, quiet=quiet, patience=patience)
        self._silent = False
        self._load_scope = trio.CancelScope()
        self._load_error: errors.PyollamaError | None = None

    # --- the process ---

    async def run(self, *, task_status: trio.TaskStatus[wire.Loaded] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the process from start to end. started() gets what was loaded. Never returns: it raises or is cancelled.

        However it ends, the process is gone and every waiting request has got RunnerLost.

        Raises:
            LoadFailed: the engine refused the files.
            LoadStalled: no progress for stall_seconds.
            RunnerLost: the process ended, or could not be started.
        """
        process = self._start()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._outbox.send_to, process.stdin)
                nursery.start_soon(self._watch, process)
                nursery.start_soon(process.follow_stderr)
                await self._read_all(process, task_status)
                error = self._load_error or await self._lost(process)
                nursery.cancel_scope.cancel()
            raise error
        finally:
            self.lost = True
            await process.end()
            self.fail_waiting(errors.RunnerLost("the model was unloaded"))

    def _start(self) -> ChildProcess:
        try:
            process = ChildProcess([*self._command, str(os.getpid())], name=self.name)
        except OSError as error:
            raise errors.RunnerLost(f"cannot start a process: {error.strerror}") from error
        self.pid = process.pid
        self._post(self.spec)
        return process

    async def _read_all(self, process: ChildProcess, task_status: trio.TaskStatus[wire.Loaded]) -> None:
        """Read until the stream ends or the load fails."""
        with self._load_scope as scope:
            scope.deadline = trio.current_time() + self._stall_seconds
            await self._dispatch_all(process, task_status)
        if scope.cancelled_caught:
            self._load_error = errors.LoadStalled(self._stall_seconds)

    async def _dispatch_all(self, process: ChildProcess, task_status: trio.TaskStatus[wire.Loaded]) -> None:
        reader, decoder = FrameReader(), msgspec.msgpack.Decoder(list[wire.Event])
        try:
            while data := await process.read(READ_SIZE):
                self._heartbeat.heard()
                for frame in reader.feed(data):
                    for event in decoder.decode(frame):
                        self._dispatch(event, task_status)
                if self._load_error is not None:
                    return
        except (FrameError, msgspec.MsgspecError, trio.BrokenResourceError) as error:
            _log.error("%s: the stream of events is broken: %s", self.name, error)

    async def _lost(self, process: ChildProcess) -> errors.RunnerLost:
        """Find out and log why the stream ended. Fails the waiting requests first, so that they end now."""
        self.lost = True
        status: int | None = None
        with trio.move_on_after(EXIT_GRACE):
            status = await process.wait()
            await process.stderr_ended.wait()
        cause = "the stream of events broke" if status is None else describe_exit(status)
        if self._silent:
            cause = "it did not answer any more"
        last = process.last_lines[-1] if process.last_lines else "no output"
        _log.error("%s: runner process %d stopped: %s; last line: %s", self.name, process.pid, cause, last)
        error = errors.RunnerLost(cause)
        self.fail_waiting(error)
        return error

    async def _watch(self, process: ChildProcess) -> None:
        """End a process that does not answer: it may be stopped, and would keep its requests for ever."""
        await self._heartbeat.watch()
        self._silent = True
        process.kill()

    def _ping(self) -> None:
        self._outbox.post(wire.Ping())

    def _has_work(self) -> bool:
        """Loading has a time limit of its own."""
        return self.info is not None and bool(self._waiting)

    def fail_waiting(self, error: errors.PyollamaError) -> None:
        """End every request with an error, and take no new ones."""
        self.lost = True
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            request.fail(error)

    def _post(self, command: wire.Command, request: int | None = None) -> None:
        """Queue a command. Does not wait, so that a cleanup may post too."""
        if not self.lost:
            self._outbox.post(command, request)

    @property
    def queued_bytes(self) -> int:
        """Commands that the process has not read yet; those of requests that were left do not count."""
        return self._outbox.size

    # --- events ---

    def _dispatch(self, event: wire.Event, task_status: trio.TaskStatus[wire.Loaded]) -> None:
        """Hand an event to its request. Never waits: one slow client must not hold up the rest."""
        if isinstance(event, wire.Loading):
            self.progress = event.progress
            self._load_scope.deadline = trio.current_time() + self._stall_seconds
        elif isinstance(event, wire.Loaded):
            self.info, self.progress = event, 1.0
            self._load_scope.deadline = math.inf
            task_status.started(event)
        elif isinstance(event, wire.LoadFailed):
            self._load_error = to_load_error(event)
            self.fail_waiting(errors.RunnerLost(event.reason))
        elif isinstance(event, wire.Resized):
            if self.info is not None:
                self.info.size, self.info.size_vram = event.size, event.size_vram
        elif not isinstance(event, wire.Pong) and (request := self._waiting.get(event.id)):
            request.deliver(event)  # type: ignore[arg-type]  # a request gets the events of its own kind only

    def allow(self, n_cells: int, memory_limit: int) -> None:
        """Let the pool grow for the requests that follow, and the process take more memory for it."""
        if self.info is not None:
            self.info.n_cells = n_cells
        self._post(wire.Allow(n_cells, memory_limit))

    # --- requests ---

    @asynccontextmanager
    async def generate(self, command: wire.Generate, explain: Explain = to_error) -> AsyncIterator[Inbox]:
        """Events of one completion. Leaving early cancels it. ``command.id`` is set here.

        Raises:
            RunnerLost: the process has ended already.
        """
        command.id = next(self._ids)
        inbox = Inbox(lambda: self._post(wire.Cancel(command.id)), explain)
        with self._registered(command, inbox), inbox:
            yield inbox

    async def render(self, request: bytes) -> bytes:
        """The rendered chat as the shim's JSON. EngineRefused: the template's own reason, or that it does not end."""
        return (await self._ask(wire.Render(next(self._ids), request), wire.Rendered)).result

    async def tokenize(self, prompts: Sequence[Sequence[str]]) -> list[list[int]]:
        """Token ids of prompts, each given by its fragments (wire.Generate), with BOS where the model adds it."""
        texts = [list(prompt) for prompt in prompts]
        return (await self._ask(wire.Tokenize(next(self._ids), texts), wire.Tokens)).tokens

    async def count(self, prompts: Sequence[Sequence[str]]) -> list[int]:
        """How many tokens each prompt has; millions of ids are not worth a journey."""
        texts = [list(prompt) for prompt in prompts]
        return (await self._ask(wire.Tokenize(next(self._ids), texts, only_count=True), wire.Tokens)).counts

    async def detokenize(self, tokens: list[int]) -> str:
        """EngineRefused: an id outside the vocabulary."""
        return (await self._ask(wire.Detokenize(next(self._ids), tokens), wire.Text)).text

    async def embed(self, command: wire.Embed, explain: Explain = to_error) -> wire.Embedded:
        """Cancelling this drops the request at the engine's next step. ``command.id`` is set here."""
        command.id = next(self._ids)
        return await self._ask(command, wire.Embedded, explain)

    async def _ask(self, command: _Request, kind: type[_A], explain: Explain = to_error) -> _A:
        reply = Reply(explain)
        with self._registered(command, reply):
            answer = await reply.get()
        if not isinstance(answer, kind):
            raise errors.EngineRefused(f"the engine answered {type(answer).__name__} instead of {kind.__name__}")
        return answer

    @contextmanager
    def _registered(self, command: _Request, request: Inbox | Reply) -> Iterator[None]:
        """Send a command, and route its events to request until the block ends; then cancel what has not ended."""
        if self.lost:
            raise errors.RunnerLost("it has ended already")
        self._waiting[command.id] = request
        self._post(command, command.id)
        try:
            yield
        finally:
            self._waiting.pop(command.id, None)
            if not self._outbox.withdraw(command.id) and not request.ended:
                self._post(wire.Cancel(command.id))
