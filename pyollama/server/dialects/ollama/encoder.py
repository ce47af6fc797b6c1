"""The lines of generate and chat streams, and the answers of requests that do not stream.

A stream makes one line per token, so everything that does not change is encoded once per request and a line is one
concatenation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pyollama.errors import PyollamaError
from pyollama.prompt.output import Delta
from pyollama.server import answers
from pyollama.server.asking import Ask
from pyollama.server.clock import utc_now
from pyollama.server.encoding import Ending
from pyollama.wire import ollama as wire
from pyollama.wire.runner import TokenLogprob

_encode = msgspec.json.Encoder().encode


class _Lines:
    """What both endpoints share."""

    content_type = answers.NDJSON

    def __init__(self, ask: Ask) -> None:
        self._model = ask.model
        self._with_alternatives = ask.logprobs > 0
        self._before = b'{"model":' + _encode(ask.model) + b',"created_at":"'

    def start(self) -> bytes:
        return b""

    def error(self, failure: PyollamaError) -> bytes:
        return error_line(str(failure))

    def _logprobs(self, entries: Sequence[TokenLogprob]) -> list[wire.TokenLogprobs] | msgspec.UnsetType:
        return token_logprobs(entries, top=self._with_alternatives) if entries else msgspec.UNSET

    def _tail(self, entries: Sequence[TokenLogprob]) -> bytes:
        return b',"logprobs":' + _encode(self._logprobs(entries)) if entries else b""


class GenerateEncoder(_Lines):
    def delta(self, delta: Delta, logprobs: Sequence[TokenLogprob]) -> bytes:
        return b"".join(
            (
                self._before,
                utc_now().encode(),
                b'","response":',
                _encode(delta.content),
                b',"thinking":' + _encode(delta.thinking) if delta.thinking else b"",
                b',"done":false',
                self._tail(logprobs),
                b"}\n",
            )
        )

    def finish(self, held: Delta, ending: Ending) -> bytes:
        return _encode(self.whole(held, (), ending)) + b"\n"

    def whole(self, answer: Delta, logprobs: Sequence[TokenLogprob], ending: Ending) -> wire.GenerateResponse:
        return wire.GenerateResponse(
            model=self._model,
            created_at=utc_now(),
            response=answer.content,
            thinking=answer.thinking,
            context=msgspec.UNSET if ending.context is None else ending.context,
            logprobs=self._logprobs(logprobs),
            **_finished(ending),
        )

    def empty(self, **fields: Any) -> wire.GenerateResponse:
        """An object without an answer: the model was only loaded, or the prompt is only shown."""
        return wire.GenerateResponse(model=self._model, created_at=utc_now(), response="", **fields)


class ChatEncoder(_Lines):
    def delta(self, delta: Delta, logprobs: Sequence[TokenLogprob]) -> bytes:
        return b"".join(
            (
                self._before,
                utc_now().encode(),
                b'","message":{"role":"assistant","content":',
                _encode(delta.content),
                b',"thinking":' + _encode(delta.thinking) if delta.thinking else b"",
                b',"tool_calls":' + _encode(delta.calls) if delta.calls else b"",
                b'},"done":false',
                self._tail(logprobs),
                b"}\n",
            )
        )

    def finish(self, held: Delta, ending: Ending) -> bytes:
        """Held calls go into a line of their own, so that the final one never has any."""
        before = self.delta(Delta(calls=held.calls), ()) if held.calls else b""
        return before + _encode(self.whole(held._replace(calls=()), (), ending)) + b"\n"

    def whole(self, answer: Delta, logprobs: Sequence[TokenLogprob], ending: Ending) -> wire.ChatResponse:
        calls = list(answer.calls) if answer.calls else msgspec.UNSET
        return wire.ChatResponse(
            model=self._model,
            created_at=utc_now(),
            message=wire.AnsweredMessage("assistant", answer.content, answer.thinking, calls),
            logprobs=self._logprobs(logprobs),
            **_finished(ending),
        )

    def empty(self, **fields: Any) -> wire.ChatResponse:
        """An object without an answer: the model was only loaded, or the prompt is only shown."""
        message = wire.AnsweredMessage("assistant", "")
        return wire.ChatResponse(model=self._model, created_at=utc_now(), message=message, **fields)


def _finished(ending: Ending) -> dict[str, Any]:
    """The fields that every last line has."""
    return {
        "done": True,
        "done_reason": ending.reason,
        "total_duration": ending.total_ns,
        "load_duration": ending.load_ns,
        "prompt_eval_count": ending.prompt_tokens,
        "prompt_eval_cached_count": ending.cached_tokens,
        "prompt_eval_duration": ending.prompt_ns,
        "eval_count": ending.output_tokens,
        "eval_duration": ending.output_ns,
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
