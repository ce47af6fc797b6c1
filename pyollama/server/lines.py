"""The lines of generate and chat streams.

A stream makes one line per token, so everything that does not change is encoded once per request and a line is one
concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from pyollama.prompt.output import Delta
from pyollama.server.clock import utc_now
from pyollama.wire import ollama as wire
from pyollama.wire.runner import Finished, TokenLogprob

_encode = msgspec.json.Encoder().encode


class Timing(Protocol):
    """How long a request took until now, in nanoseconds."""

    def total(self) -> int: ...
    def load(self) -> int: ...


class Lines(Protocol):
    """How one endpoint writes an answer."""

    def chunk(self, delta: Delta, logprobs: list[wire.TokenLogprobs] | None) -> bytes:
        """A line of a stream, newline included."""

    def last(self, held: Delta, end: Finished, timing: Timing) -> bytes:
        """The line that ends a stream. ``held`` is what had been held back."""

    def whole(
        self, answer: Delta, logprobs: list[wire.TokenLogprobs] | None, end: Finished, timing: Timing
    ) -> wire.GenerateResponse | wire.ChatResponse:
        """The answer of a request that does not stream."""


class GenerateLines:
    def __init__(self, model: str) -> None:
        self._model = model
        self._before = b'{"model":' + _encode(model) + b',"created_at":"'

    def chunk(self, delta: Delta, logprobs: list[wire.TokenLogprobs] | None) -> bytes:
        return b"".join(
            (
                self._before,
                utc_now().encode(),
                b'","response":',
                _encode(delta.content),
                b',"thinking":' + _encode(delta.thinking) if delta.thinking else b"",
                b',"done":false',
                b',"logprobs":' + _encode(logprobs) if logprobs else b"",
                b"}\n",
            )
        )

    def last(self, held: Delta, end: Finished, timing: Timing) -> bytes:
        return _encode(self.whole(held, None, end, timing)) + b"\n"

    def whole(
        self, answer: Delta, logprobs: list[wire.TokenLogprobs] | None, end: Finished, timing: Timing
    ) -> wire.GenerateResponse:
        return wire.GenerateResponse(
            model=self._model,
            created_at=utc_now(),
            response=answer.content,
            thinking=answer.thinking,
            context=msgspec.UNSET if end.context is None else end.context,
            logprobs=logprobs or msgspec.UNSET,
            **_finished(end, timing),
        )


class ChatLines:
    def __init__(self, model: str) -> None:
        self._model = model
        self._before = b'{"model":' + _encode(model) + b',"created_at":"'

    def chunk(self, delta: Delta, logprobs: list[wire.TokenLogprobs] | None) -> bytes:
        return b"".join(
            (
                self._before,
                utc_now().encode(),
                b'","message":{"role":"assistant","content":',
                _encode(delta.content),
                b',"thinking":' + _encode(delta.thinking) if delta.thinking else b"",
                b',"tool_calls":' + _encode(delta.calls) if delta.calls else b"",
                b'},"done":false',
                b',"logprobs":' + _encode(logprobs) if logprobs else b"",
                b"}\n",
            )
        )

    def last(self, held: Delta, end: Finished, timing: Timing) -> bytes:
        """Held calls go into a line of their own, so that the final one never has any."""
        before = self.chunk(Delta(calls=held.calls), None) if held.calls else b""
        return before + _encode(self.whole(held._replace(calls=()), None, end, timing)) + b"\n"

    def whole(
        self, answer: Delta, logprobs: list[wire.TokenLogprobs] | None, end: Finished, timing: Timing
    ) -> wire.ChatResponse:
        calls = list(answer.calls) if answer.calls else msgspec.UNSET
        return wire.ChatResponse(
            model=self._model,
            created_at=utc_now(),
            message=wire.AnsweredMessage("assistant", answer.content, answer.thinking, calls),
            logprobs=logprobs or msgspec.UNSET,
            **_finished(end, timing),
        )


def _finished(end: Finished, timing: Timing) -> dict[str, Any]:
    """The fields that every last line has."""
    return {
        "done": True,
        "done_reason": "length" if end.reason == "length" else "stop",
        "total_duration": timing.total(),
        "load_duration": timing.load(),
        "prompt_eval_count": end.prompt_tokens,
        "prompt_eval_duration": end.prompt_ns,
        "eval_count": end.output_tokens,
        "eval_duration": end.output_ns,
    }


def error_line(text: str) -> bytes:
    return _encode(wire.ErrorAnswer(text)) + b"\n"


def token_logprobs(entries: Sequence[TokenLogprob], *, top: bool) -> list[wire.TokenLogprobs]:
    """Log-probabilities as clients see them; ``top``: with the alternatives."""
    return [
        wire.TokenLogprobs(
            entry.token,
            entry.logprob,
            list(entry.bytes) or msgspec.UNSET,
            [wire.AlternativeToken(token, value, list(raw) or msgspec.UNSET) for token, value, raw in entry.top]
            if top
            else msgspec.UNSET,
        )
        for entry in entries
    ]
