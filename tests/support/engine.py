"""The native engine behind a few calls that tests need: submit, wait for an end, read the events as wire structs."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

import msgspec

from pyollama.native._engine import Engine
from pyollama.scheduler.options import DEFAULT_SAMPLING
from pyollama.wire import runner as wire

Ended = wire.Finished | wire.Failed | wire.Embedded
SAMPLING = msgspec.structs.asdict(DEFAULT_SAMPLING)
TIMEOUT = 120.0  # seconds; the machine may be busy


class Reply:
    """What came for one request: its pieces, and how it ended."""

    def __init__(self, events: list[Any]) -> None:
        self.pieces = [event for event in events if isinstance(event, wire.Piece)]
        self.end: Any = events[-1]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def logprobs(self) -> list[wire.TokenLogprob]:
        return [entry for piece in self.pieces for entry in piece.logprobs or []]


class TestedEngine:
    """One engine, used by one thread. Leaving the block closes it."""

    __test__ = False

    def __init__(self, *files: str, wait: bool = True, **spec: Any) -> None:
        plain = wire.LoadSpec(list(files), n_threads=1, n_threads_batch=1)  # two stall on a busy machine
        values = msgspec.structs.asdict(plain) | spec
        del values["memory_limit"]  # the process's, not the engine's
        self.raw = Engine(**values)
        self.log: list[Any] = []  # every event so far
        self._ids = iter(range(1, 1_000_000))
        if wait:
            self.loaded = self.until(lambda event: isinstance(event, wire.Loaded | wire.LoadFailed))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.raw.close()

    def number(self) -> int:
        """An id that no request has had."""
        return next(self._ids)

    def start(self, prompt: str, number: int | None = None, **options: Any) -> int:
        """Submit a completion: greedy, short, unless options say else."""
        number = self.number() if number is None else number
        plain = {"n_ctx": 2048, "num_predict": 16, "num_keep": 4, **SAMPLING, "temperature": 0.0}
        self.raw.generate(number, prompt, **plain | options)
        return number

    def embed(self, *texts: str, **options: Any) -> Any:
        number = self.number()
        self.raw.embed(number, texts, **{"n_ctx": 2048, **options})
        return self.reply(number).end

    def complete(self, prompt: str, **options: Any) -> Reply:
        return self.reply(self.start(prompt, **options))

    def reply(self, number: int) -> Reply:
        self.until(lambda event: isinstance(event, Ended) and event.id == number)
        return Reply([event for event in self.log if getattr(event, "id", None) == number])

    def replies(self, numbers: Iterable[int]) -> list[Reply]:
        return [self.reply(number) for number in numbers]

    def until(self, wanted: Callable[[Any], bool]) -> Any:
        """The first event, past ones included, that is wanted."""
        deadline = time.monotonic() + TIMEOUT
        seen = 0
        while True:
            for event in self.log[seen:]:
                if wanted(event):
                    return event
            seen = len(self.log)
            if not select.select([self.raw.fileno()], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError(self.log[-3:])
            self.log += [_decode(event) for event in self.raw.drain()]


def assert_likely(found: wire.TokenLogprob, expected: wire.TokenLogprob) -> None:
    """Nearly the same distribution of the next token: kernels for other batches round in another way, no more."""
    values = {raw: value for _, value, raw in expected.top}
    shared = [(value, values[raw]) for _, value, raw in found.top if raw in values]
    assert len(shared) >= len(values) - 1
    assert max(abs(one - other) for one, other in shared) < 0.1


def _decode(event: tuple[object, ...]) -> Any:
    """Through MessagePack, as the runner sends it: a field that does not fit its struct fails the test."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=wire.Event)
