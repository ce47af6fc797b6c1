"""Running a prompt on a loaded model: fitting it into the window, then streaming or collecting the answer."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import trio
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import PromptTooLong, PyollamaError, RunnerLost
from pyollama.prompt.output import Delta, OutputParser
from pyollama.scheduler.lease import Lease
from pyollama.scheduler.options import Options
from pyollama.server import answers
from pyollama.server.lines import Lines, error_line, token_logprobs
from pyollama.wire import ollama as wire
from pyollama.wire.runner import Finished, Piece

log = logging.getLogger("pyollama.server")

Shorten = Callable[[int], Awaitable[str]]  # tokens that fit -> a prompt of no more, if that is possible
EventStream = trio.abc.ReceiveChannel[Piece | Finished]


@dataclass(slots=True)
class Timer:
    """From the arrival of a request on, in nanoseconds of ``time.perf_counter_ns``."""

    arrived: int
    ready: int = 0  # when the model was loaded

    def model_is_ready(self) -> None:
        self.ready = time.perf_counter_ns()

    def total(self) -> int:
        return time.perf_counter_ns() - self.arrived

    def load(self) -> int:
        return self.ready - self.arrived


@dataclass(frozen=True, slots=True)
class Wish:
    """How a request wants its prompt completed."""

    options: Options
    stream: bool
    truncate: bool
    shift: bool
    logprobs: bool
    top_logprobs: int
    want_context: bool

    @classmethod
    def of(cls, call: wire.Completion, options: Options, *, want_context: bool = False) -> Wish:
        return cls(
            options=options,
            stream=call.stream is not False,
            truncate=call.truncate is not False,
            shift=call.shift is not False,
            logprobs=bool(call.logprobs),
            top_logprobs=call.top_logprobs or 0,
            want_context=want_context,
        )

    def with_options(self, options: Options) -> Wish:
        return replace(self, options=options)


class Generation:
    """One completion that has begun: its first event is here, so an error could still have chosen the status."""

    def __init__(self, first: Piece | Finished, events: EventStream, wish: Wish, parser: OutputParser) -> None:
        self._first = first
        self._events = events
        self._wish = wish
        self._parser = parser

    def respond(self, lines: Lines, timer: Timer) -> Awaitable[Response]:
        return self._streamed(lines, timer) if self._wish.stream else self._collected(lines, timer)

    async def _streamed(self, lines: Lines, timer: Timer) -> Response:
        return Response(self._lines(lines, timer), content_type=answers.NDJSON)

    async def _lines(self, lines: Lines, timer: Timer) -> AsyncIterator[bytes]:
        """What a client reads. After the first line an error is one more line, and the end."""
        event = self._first
        try:
            while not isinstance(event, Finished):
                if line := self._line(lines, event):
                    yield line
                event = await self._events.receive()
            yield lines.last(self._parser.finish(), event, timer)
        except RunnerLost as error:
            yield error_line(f"an error was encountered while running the model: {error.cause or error}")
        except PyollamaError as error:
            yield error_line(str(error))
        except Exception:
            log.exception("a stream broke off")
            yield error_line("internal server error, see the server's log")

    def _line(self, lines: Lines, piece: Piece) -> bytes:
        """Empty while nothing is to be shown."""
        delta = Delta(piece.text) if self._parser.idle else self._parser.add(piece.text)
        logprobs = self._logprobs(piece)
        return lines.chunk(delta, logprobs) if delta or logprobs else b""

    async def _collected(self, lines: Lines, timer: Timer) -> Response:
        texts: list[Delta] = []
        logprobs: list[wire.TokenLogprobs] = []
        event = self._first
        while not isinstance(event, Finished):
            texts.append(self._parser.add(event.text))
            logprobs += self._logprobs(event) or ()
            event = await self._events.receive()
        texts.append(self._parser.finish())
        return answers.json(lines.whole(_joined(texts), logprobs, event, timer))

    def _logprobs(self, piece: Piece) -> list[wire.TokenLogprobs] | None:
        if not piece.logprobs:
            return None
        return token_logprobs(piece.logprobs, top=self._wish.top_logprobs > 0)


async def begin(
    stack: AsyncExitStack,
    lease: Lease,
    prompt: str,
    wish: Wish,
    parser_for: Callable[[str], OutputParser],
    shorten: Shorten | None = None,
) -> Generation:
    """Start a completion and wait for its first event. It ends with ``stack``.

    A prompt that is too long is made shorter by ``shorten`` and, if that was not enough, cut in its middle.

    Raises:
        PromptTooLong: the request forbids to truncate.
        PromptBeyondContext: the request forbids to shift.
        EngineRefused, RunnerLost: the engine could not serve it.
    """
    try:
        first, events = await _attempt(stack, lease, prompt, wish, cut=False)
    except PromptTooLong as error:
        if not wish.truncate:
            raise
        if shorten is not None:
            prompt = await shorten(error.n_ctx)
        first, events = await _attempt(stack, lease, prompt, wish, cut=True)
    return Generation(first, events, wish, parser_for(prompt))


async def _attempt(
    stack: AsyncExitStack, lease: Lease, prompt: str, wish: Wish, *, cut: bool
) -> tuple[Piece | Finished, EventStream]:
    """The first event of a completion, and where the others come from. What is left open goes to ``stack``."""
    async with AsyncExitStack() as attempt:
        events = await attempt.enter_async_context(
            lease.generate(
                prompt,
                wish.options,
                truncate=cut,
                shift=wish.shift,
                logprobs=wish.top_logprobs if wish.logprobs else -1,
                want_context=wish.want_context,
            )
        )
        first = await events.receive()
        stack.push_async_exit(attempt.pop_all())
    return first, events


def _joined(parts: list[Delta]) -> Delta:
    return Delta(
        "".join(part.content for part in parts),
        "".join(part.thinking for part in parts),
        tuple(call for part in parts for call in part.calls),
    )
