"""Reading answers in the runner, beside the engine's steps: text of a request with a parser becomes what it means."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from pyollama.wire import runner as wire

_PIECE, _FAILED = wire.tag_of(wire.Piece), wire.tag_of(wire.Failed)
_OF_COMPLETIONS = (_PIECE, wire.tag_of(wire.Finished), _FAILED)

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
        self._parsers: dict[object, _Opening] = {}

    def attach(self, request: int, parser: bytes) -> None:
        """From now on the pieces of the request are read. A parser that is none is logged: all is content then."""
        self._parsers[request] = _Opening(self._make, parser)

    def detach(self, request: int) -> None:
        self._parsers.pop(request, None)

    def read(self, events: list[Event]) -> list[Event]:
        """The same events, those of requests with a parser read. The order of each request's is kept."""
        return [seen for event in events for seen in self._read(event)] if self._parsers else events

    def _read(self, event: Event) -> Iterable[Event]:
        kind, request = event[:2] if event[0] in _OF_COMPLETIONS else (None, None)
        opening = self._parsers.get(request) if kind == _PIECE else self._parsers.pop(request, None)
        parser = opening.get() if opening and kind != _FAILED else None
        if parser is None:
            return (event,)
        if kind == _PIECE:
            content, thinking, calls = parser.add(str(event[2]))
            seen = bool(content or thinking or calls or event[3])
            return ((_PIECE, request, content, event[3], thinking, calls),) if seen else ()
        content, thinking, calls, open_thought = parser.finish()
        return (_PIECE, request, content, None, thinking, calls, open_thought), event


class _Opening:
    """A parser that a thread of its own makes while the prompt is computed: for a thousand tools it takes a second."""

    def __init__(self, make: Callable[[bytes], Parser], source: bytes) -> None:
        self._make = make
        self._source = source
        self._parser: Parser | None = None
        self._thread = threading.Thread(target=self._open, daemon=True)
        self._thread.start()

    def get(self) -> Parser | None:
        """Waits until it is there. None: it could not be made."""
        self._thread.join()
        return self._parser

    def _open(self) -> None:
        try:
            self._parser = self._make(self._source)
        except ValueError as error:
            print(f"an answer is not parsed: {error}", file=sys.stderr)
