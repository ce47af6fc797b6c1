"""Where the events of one request wait for the task that asked: a stream of text, or a single answer.

Delivering never waits and never fails, so one slow client cannot hold up the others. What is not read yet is joined
into one piece; past UNREAD_LIMIT the request is given up.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import TracebackType
from typing import Self

import trio

from pyollama import errors
from pyollama.wire.runner import (
    FAILURE_STATUS,
    Embedded,
    Failed,
    Finished,
    LoadFailed,
    Piece,
    Rendered,
    Text,
    TokenLogprob,
    Tokens,
)

UNREAD_LIMIT = 1 << 20  # characters of text, log-probabilities included, that may wait for one client
LOGPROB_COST = 64  # characters that one log-probability entry counts as
_UNKNOWN_ARCHITECTURE = re.compile(r"unknown model architecture: '(.*)'")  # the library's words
Answer = Rendered | Tokens | Text | Embedded
Explain = Callable[[Failed], errors.PyollamaError]  # what a failure means to whoever asked


class Inbox(trio.abc.ReceiveChannel[Piece | Finished]):
    """Pieces of one request, then its Finished, then the end. One task reads.

    receive() raises:
        PromptTooLong, EngineRefused: the engine did not serve the request.
        RunnerLost: the process ended; what came before it was delivered.
        trio.EndOfChannel: after Finished.
    """

    def __init__(self, cancel: Callable[[], None], explain: Explain) -> None:
        self._cancel = cancel
        self._explain = explain
        self._pieces: list[Piece] = []
        self._unread = 0
        self._finished: Finished | None = None
        self._error: Exception | None = None
        self._reader: trio.lowlevel.Task | None = None
        self.ended = False  # the engine holds nothing of this request any more

    # --- the runner's side: plain calls, no waiting ---

    def deliver(self, event: Piece | Finished | Failed) -> None:
        if isinstance(event, Failed):
            self.fail(self._explain(event))
            return
        if isinstance(event, Finished):
            self.ended, self._finished = True, event
        elif self._error is None:
            self._add(event)
        self._wake()

    def fail(self, error: Exception) -> None:
        """End the stream with an error, after the pieces that wait. An answer that is whole already stays whole."""
        if self.ended:
            return
        self.ended = True
        self._error = self._error or error
        self._wake()

    def _add(self, piece: Piece) -> None:
        self._pieces.append(piece)
        self._unread += (
            len(piece.text) + len(piece.thinking) + _length_of_calls(piece) + LOGPROB_COST * _count_logprobs(piece)
        )
        if self._unread > UNREAD_LIMIT:
            self._error = errors.EngineRefused("the answer was not read fast enough and was given up")
            self._cancel()

    def _wake(self) -> None:
        if self._reader is not None:
            trio.lowlevel.reschedule(self._reader)
            self._reader = None

    # --- the reading task's side ---

    async def receive(self) -> Piece | Finished:
        if self._pieces or self._error or self.ended:
            await trio.lowlevel.checkpoint()
        else:
            await self._wait()
        return self._take()

    async def _wait(self) -> None:
        if self._reader is not None:
            raise trio.BusyResourceError("another task reads this request")
        self._reader = trio.lowlevel.current_task()

        def forget(_: object) -> trio.lowlevel.Abort:
            self._reader = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(forget)

    def _take(self) -> Piece | Finished:
        if self._pieces:
            pieces, self._pieces, self._unread = self._pieces, [], 0
            return pieces[0] if len(pieces) == 1 else _join(pieces)
        if self._error is not None:
            raise self._error
        if self._finished is not None:
            finished, self._finished = self._finished, None
            return finished
        raise trio.EndOfChannel

    def close(self) -> None:
        """Stop reading. What still arrives is dropped."""
        self._pieces.clear()
        self._error = trio.ClosedResourceError("this request was left")
        self._wake()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class Reply:
    """The single answer of a request that is not a stream."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain
        self._arrived = trio.Event()
        self._answer: Answer | None = None
        self._error: Exception | None = None

    @property
    def ended(self) -> bool:
        return self._arrived.is_set()

    def deliver(self, event: Answer | Failed) -> None:
        if isinstance(event, Failed):
            self._error = self._explain(event)
        else:
            self._answer = event
        self._arrived.set()

    def fail(self, error: Exception) -> None:
        if not self.ended:
            self._error = error
            self._arrived.set()

    async def get(self) -> Answer:
        """Wait for the answer. Raises what Inbox.receive raises."""
        await self._arrived.wait()
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer


def to_error(event: Failed) -> errors.PyollamaError:
    """What a Failed event means to a client."""
    if event.code == "too_long":
        return errors.PromptTooLong(event.n_tokens, event.n_ctx)
    if event.input >= 0:
        return errors.BadVector(event.input)
    return errors.EngineRefused(event.text, FAILURE_STATUS.get(event.code, 500))


def to_load_error(event: LoadFailed) -> errors.PyollamaError:
    """What a failed load means to those who wait for it."""
    if event.code == "no_memory":
        return errors.LoadOutOfMemory(event.reason)
    if event.code == "bad_request":
        return errors.LoadRefused(event.reason)
    if found := _UNKNOWN_ARCHITECTURE.search(event.reason):
        return errors.UnknownArchitecture(found[1])
    return errors.LoadFailed(event.reason)


def _join(pieces: list[Piece]) -> Piece:
    logprobs: list[TokenLogprob] = []
    for piece in pieces:
        logprobs += piece.logprobs or []
    return Piece(
        id=pieces[0].id,
        text="".join(piece.text for piece in pieces),
        logprobs=logprobs or None,
        thinking="".join(piece.thinking for piece in pieces),
        calls=[call for piece in pieces for call in piece.calls],
        open_thought=pieces[-1].open_thought,
    )


def _length_of_calls(piece: Piece) -> int:
    return sum(len(arguments) for _, arguments in piece.calls)


def _count_logprobs(piece: Piece) -> int:
    if not piece.logprobs:
        return 0
    return sum(1 + len(entry.top) for entry in piece.logprobs)
