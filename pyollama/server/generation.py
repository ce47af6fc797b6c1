"""Running a prompt on a loaded model: fitting it into the window, then streaming or collecting the answer."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import trio
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import InternalError, PromptTooLong, PyollamaError, RunnerLost, StreamBroken
from pyollama.prompt.output import AnswerForm, Delta, OutputParser
from pyollama.prompt.prompts import Prompt
from pyollama.scheduler.lease import Lease
from pyollama.scheduler.options import Options
from pyollama.server import answers
from pyollama.server.connection import current
from pyollama.server.encoding import Encoder, Ending
from pyollama.server.offload import offload
from pyollama.wire.runner import Finished, Piece, TokenLogprob

log = logging.getLogger("pyollama.server")

Shorten = Callable[[int], Awaitable[Prompt]]  # tokens that fit -> a prompt of no more, if that is possible
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
class Completion:
    """A prompt and how it is to be completed."""

    prompt: Prompt
    options: Options
    truncate: bool
    shift: bool
    logprobs: int  # -1: none; n: those of the chosen tokens and of n alternatives each
    want_context: bool
    form: AnswerForm


class Generation:
    """One completion that has begun: its first event is here, so an error could still have chosen the status."""

    def __init__(self, first: Piece | Finished, events: EventStream, parser: OutputParser, timer: Timer) -> None:
        self._first = first
        self._events = events
        self._parser = parser
        self._timer = timer

    async def respond(self, encoder: Encoder, *, stream: bool) -> Response:
        if stream:
            return Response(self._chunks(encoder), content_type=encoder.content_type)
        return await self._collected(encoder)

    async def _chunks(self, encoder: Encoder) -> AsyncIterator[bytes]:
        """What a client reads. After the first chunk an error is one more, and the end."""
        event = self._first
        try:
            if start := encoder.start():
                yield start
            while not isinstance(event, Finished):
                if chunk := self._chunk(encoder, event):
                    yield chunk
                event = await self._events.receive()
            yield encoder.finish(self._parser.finish(), self._ending(event))
        except RunnerLost as error:
            yield encoder.error(StreamBroken(error.cause or str(error)))
        except PyollamaError as error:
            yield encoder.error(error)
        except Exception:
            log.exception("a stream broke off")
            yield encoder.error(InternalError())

    def _chunk(self, encoder: Encoder, piece: Piece) -> bytes:
        """Empty while nothing is to be shown."""
        delta = self._parser.read(piece)
        logprobs = piece.logprobs or ()
        return encoder.delta(delta, logprobs) if delta or logprobs else b""

    async def _collected(self, encoder: Encoder) -> Response:
        parts: list[Delta] = []
        logprobs: list[TokenLogprob] = []
        event = self._first
        while not isinstance(event, Finished):
            parts.append(self._parser.read(event))
            logprobs += event.logprobs or ()
            event = await self._events.receive()
        parts.append(self._parser.finish())
        return answers.json(encoder.whole(_joined(parts), logprobs, self._ending(event)))

    def _ending(self, end: Finished) -> Ending:
        return Ending(
            reason="length" if end.reason == "length" else "stop",
            prompt_tokens=end.prompt_tokens,
            cached_tokens=end.prompt_reused,
            output_tokens=end.output_tokens,
            total_ns=self._timer.total(),
            load_ns=self._timer.load(),
            prompt_ns=end.prompt_ns,
            output_ns=end.output_ns,
            context=end.context,
        )


async def begin(
    completion: Completion,
    lease: Lease,
    timer: Timer,
    parser_for: Callable[[Prompt], OutputParser],
    shorten: Shorten | None = None,
) -> Generation:
    """Start a completion and wait for its first event. It ends with the request.

    A prompt that is too long is made shorter by ``shorten`` and, if that was not enough, cut in its middle.

    Raises:
        PromptTooLong: the request forbids to truncate.
        PromptBeyondContext: the request forbids to shift.
        EngineRefused, RunnerLost: the engine could not serve it.
    """
    try:
        first, events = await _attempt(completion, lease, cut=False)
    except PromptTooLong as error:
        if not completion.truncate:
            raise
        if shorten is not None:
            completion = replace(completion, prompt=await shorten(error.n_ctx))
        first, events = await _attempt(completion, lease, cut=True)
    parser = await offload(parser_for, completion.prompt)  # thousands of tools take seconds
    return Generation(first, events, parser, timer)


async def _attempt(completion: Completion, lease: Lease, *, cut: bool) -> tuple[Piece | Finished, EventStream]:
    """The first event of a completion, and where the others come from. What is left open goes to the request."""
    async with AsyncExitStack() as attempt:
        events = await attempt.enter_async_context(
            lease.generate(
                completion.prompt,
                completion.options,
                truncate=cut,
                shift=completion.shift,
                logprobs=completion.logprobs,
                want_context=completion.want_context,
                shown=completion.form.shown,
                parser=completion.form.parser,
            )
        )
        first = await events.receive()
        current().exit_stack.push_async_exit(attempt.pop_all())
    return first, events


def _joined(parts: list[Delta]) -> Delta:
    return Delta(
        "".join(part.content for part in parts),
        "".join(part.thinking for part in parts),
        tuple(call for part in parts for call in part.calls),
    )
