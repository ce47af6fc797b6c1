"""Reading answers in the runner, beside the engine's steps: text of a request with a parser becomes what it means."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Protocol

_PIECE, _FINISHED, _FAILED = 3, 4, 5  # tags of the structs in wire.runner

Event = tuple[object, ...]
Calls = list[tuple[str, str]]


class Parser(Protocol):
    """What ``native._engine.AnswerParser`` is."""

    def add(self, text: str) -> tuple[str, str, Calls]: ...
    def finish(self) -> tuple[str, str, Calls, bool]: ...


class AnswerReader:
    """The parsers of the requests under way. One thread attaches, another reads."""

    def __init__(self, make: Callable[[bytes], Parser]) -> None:
        self._make = make
        self._parsers: dict[object, Parser] = {}

    def attach(self, request: int, parser: bytes) -> None:
        """From now on the pieces of the request are read. A parser that is none is logged: all is content then."""
        try:
            self._parsers[request] = self._make(parser)
        except ValueError as error:
            print(f"an answer is not parsed: {error}", file=sys.stderr)

    def detach(self, request: int) -> None:
        self._parsers.pop(request, None)

    def read(self, events: list[Event]) -> list[Event]:
        """The same events, those of requests with a parser read. The order of each request's is kept."""
        return [seen for event in events for seen in self._read(event)] if self._parsers else events

    def _read(self, event: Event) -> Iterable[Event]:
        parser = self._parsers.get(event[1]) if event[0] in (_PIECE, _FINISHED, _FAILED) else None
        if parser is None:
            return (event,)
        if event[0] == _PIECE:
            _, request, text, logprobs = event
            content, thinking, calls = parser.add(str(text))
            if content or thinking or calls or logprobs:
                return ((_PIECE, request, content, logprobs, thinking, calls),)
            return ()
        del self._parsers[event[1]]
        if event[0] == _FAILED:
            return (event,)
        content, thinking, calls, open_thought = parser.finish()
        return (_PIECE, event[1], content, None, thinking, calls, open_thought), event
