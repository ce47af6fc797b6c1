"""What a dialect does with an answer: events become the bytes that its clients read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pyollama.errors import PyollamaError
from pyollama.prompt.output import Delta
from pyollama.wire.runner import TokenLogprob


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended. Durations in nanoseconds."""

    reason: str  # "stop" or "length"
    prompt_tokens: int
    cached_tokens: int  # of the prompt's, those that did not have to be computed
    output_tokens: int
    total_ns: int
    load_ns: int
    prompt_ns: int
    output_ns: int
    context: list[int] | None = None


class Encoder(Protocol):
    """Writes the answer of one request.

    A stream is ``start``, any number of ``delta``, then ``finish`` or ``error``.
    """

    content_type: str
    """Of a stream."""

    def start(self) -> bytes:
        """What comes before the first delta; may be empty."""

    def delta(self, delta: Delta, logprobs: Sequence[TokenLogprob]) -> bytes:
        """One more piece of the answer."""

    def finish(self, held: Delta, ending: Ending) -> bytes:
        """The end of a stream. ``held``: what had been held back until now."""

    def error(self, failure: PyollamaError) -> bytes:
        """The end of a stream that failed."""

    def whole(self, answer: Delta, logprobs: Sequence[TokenLogprob], ending: Ending) -> Any:
        """The answer of a request that does not stream, for JSON."""
