"""The runner process: ``python -m pyollama.runner.child PARENT_PID`` with frames on stdin and stdout.

Two threads beside those of the engine. The reader takes commands off the pipe and hands them on, which never takes
long, so a Cancel is never kept waiting; the main thread waits for the engine's descriptor and writes one frame per
engine step. Losing either pipe ends the process at once: a runner without its server is an orphan. No Trio and few
imports, because every loaded model pays for them.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from pyollama.runner.answers import AnswerReader
from pyollama.runner.frames import FrameReader, FrameWriter
from pyollama.runner.limits import MemoryLimit
from pyollama.wire import runner as wire

if TYPE_CHECKING:
    from pyollama.native._engine import Engine

READ_SIZE = 1 << 18
PR_SET_PDEATHSIG = 1  # prctl(2)
TAG_LOAD_FAILED, TAG_FAILED = wire.tag_of(wire.LoadFailed), wire.tag_of(wire.Failed)
TAG_PONG = wire.tag_of(wire.Pong)


class Outlet:
    """Writes frames of events to the server. Any thread; a broken pipe ends the process."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._writer = FrameWriter()

    def send(self, events: list[tuple[object, ...]]) -> None:
        with self._lock:
            frame = memoryview(self._writer.frame(events))
            with frame:
                self._write(frame)

    def _write(self, frame: memoryview) -> None:
        try:
            written = os.write(self._fd, frame)
            while written < len(frame):  # only a signal can cut a blocking write short
                written += os.write(self._fd, frame[written:])
        except OSError:
            os._exit(0)


def main() -> None:
    """Never returns: the process ends here."""
    try:
        commands, outlet = _take_pipes()
        _die_with_parent(int(sys.argv[1]))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the server, which then ends us
        _serve(commands, outlet)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def _take_pipes() -> tuple[int, Outlet]:
    """Move the frame pipes off descriptors 0 and 1, so that a stray print or a native log cannot corrupt frames."""
    commands, events = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return commands, Outlet(events)


def _die_with_parent(parent: int) -> None:
    """Let the kernel kill us when the server dies, even if a thread of ours is busy in native code."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)


def _serve(commands: int, outlet: Outlet) -> None:
    reader = FrameReader()
    frames: list[memoryview] = []
    while not frames:
        frames = reader.feed(_read(commands))
    spec = msgspec.msgpack.decode(frames.pop(0), type=wire.LoadSpec)
    try:
        engine, limit = _open_engine(spec)
    except ValueError as error:  # refused before the load began
        outlet.send([(TAG_LOAD_FAILED, str(error))])
        os._exit(0)
    answers = _open_answers(outlet)
    desk = Desk(engine, outlet, answers, limit)
    threading.Thread(target=desk.take_commands, args=(commands, reader, frames), daemon=True).start()
    _forward_events(engine, outlet, answers)


def _open_engine(spec: wire.LoadSpec) -> tuple[Engine, MemoryLimit]:
    os.environ["GGML_NO_BACKTRACE"] = "1"  # read when the library is loaded; else an abort would fork a debugger
    from pyollama.native._engine import Engine, devices
    from pyollama.runner.cpu import thread_counts

    limit = MemoryLimit(uses_gpu=any(device["kind"] in ("gpu", "igpu") for device in devices()))
    limit.set(spec.memory_limit)
    options = msgspec.structs.asdict(spec)
    del options["memory_limit"]
    decode_threads, batch_threads = thread_counts()
    options["n_threads"] = spec.n_threads or decode_threads
    options["n_threads_batch"] = spec.n_threads_batch or spec.n_threads or batch_threads
    return Engine(**options), limit


def _open_answers(outlet: Outlet) -> AnswerReader:
    from pyollama.native._engine import AnswerParser

    return AnswerReader(AnswerParser, outlet.send)


def _forward_events(engine: Engine, outlet: Outlet, answers: AnswerReader) -> None:
    """One frame per wake-up: everything that happened in a step of the engine."""
    wake = select.poll()
    wake.register(engine.fileno(), select.POLLIN)
    while True:
        wake.poll()
        events = answers.read(engine.drain())
        if events:
            outlet.send(events)


def _read(fd: int) -> bytes:
    """Some bytes of commands. Ends the process at the end of the stream: the server closed it or is gone."""
    data = os.read(fd, READ_SIZE)
    if not data:
        os._exit(0)
    return data


class Desk:
    """Takes commands and hands them to the engine, which answers by events."""

    def __init__(self, engine: Engine, outlet: Outlet, answers: AnswerReader, limit: MemoryLimit) -> None:
        self._limit = limit
        self._engine = engine
        self._outlet = outlet
        self._answers = answers

    def take_commands(self, fd: int, reader: FrameReader, frames: list[memoryview]) -> None:
        """The reader thread: for ever, beginning with frames that came together with the first one."""
        decoder = msgspec.msgpack.Decoder(wire.Command)
        try:
            while True:
                for frame in frames:
                    self.do(decoder.decode(frame))
                frames = reader.feed(_read(fd))
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)  # a stream out of step: nobody could cancel or submit any more

    def do(self, command: wire.Command) -> None:
        """Pass on one command. What is refused at once is answered with Failed; the process goes on."""
        try:
            self._do(command)
        except ValueError as error:
            self._outlet.send([_failed(command, "bad_request", str(error))])
        except Exception as error:
            traceback.print_exc()
            self._outlet.send([_failed(command, "internal", f"{type(error).__name__}: {error}")])

    def _do(self, command: wire.Command) -> None:
        match command:
            case wire.Generate():
                self._generate(command)
            case wire.Cancel():
                self._engine.cancel(command.id)
            case wire.Allow():
                self._limit.set(command.memory_limit)
                with suppress(ValueError):  # a model without a pool: its requests are answered all the same
                    self._engine.allow_cells(command.n_cells)
            case wire.Embed():
                options = msgspec.structs.asdict(command)
                self._engine.embed(options.pop("id"), options.pop("texts"), **options)
            case wire.Tokenize():
                self._engine.submit_tokenize(command.id, command.texts, only_count=command.only_count)
            case wire.Detokenize():
                self._engine.submit_detokenize(command.id, command.tokens)
            case wire.Render():
                self._engine.submit_render(command.id, command.request)
            case wire.Ping():
                self._outlet.send([(TAG_PONG,)])
            case wire.LoadSpec():
                raise RuntimeError("a runner loads one model only")

    def _generate(self, command: wire.Generate) -> None:
        options = msgspec.structs.asdict(command)
        sampling = msgspec.structs.asdict(options.pop("sampling"))
        if parser := options.pop("parser"):
            self._answers.attach(command.id, parser)
        try:
            self._engine.generate(options.pop("id"), options.pop("prompt"), **options, **sampling)
        except BaseException:
            self._answers.detach(command.id)
            raise


def _failed(command: wire.Command, code: str, text: str) -> tuple[object, ...]:
    request = 0 if isinstance(command, wire.LoadSpec | wire.Allow | wire.Ping) else command.id
    return (TAG_FAILED, request, code, text)


if __name__ == "__main__":
    main()
