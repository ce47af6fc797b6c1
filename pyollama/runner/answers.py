"""Reading answers in the runner, beside the engine's steps: text of a request with a parser becomes what it means."""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from pyollama.wire import runner as wire

MAKERS = 2  # threads that make parsers

_OF_COMPLETIONS = _PIECE, _FINISHED, _FAILED = (
    wire.tag_of(wire.Piece),
    wire.tag_of(wire.Finished),
    wire.tag_of(wire.Failed),
)

Event = tuple[object, ...]
Calls = list[tuple[str, str]]
Send = Callable[[list[Event]], None]


class Parser(Protocol):
    """What ``native._engine.AnswerParser`` is."""

    def add(self, text: str) -> tuple[str, str, Calls]: ...
    def finish(self) -> tuple[str, str, Calls, bool]: ...


class AnswerReader:
    """The parsers of the requests under way. One thread attaches, another reads, neither waits for a parser."""

    def __init__(self, make: Callable[[bytes], Parser], send: Send) -> None:
        """``send`` takes events that had to wait until their parser was made. Called in other threads."""
        self._make = make
        self._send = send
        self._parsers: dict[object, _Opening] = {}
        self._openings: queue.SimpleQueue[_Opening] = queue.SimpleQueue()
        self._makers = 0

    def attach(self, request: int, parser: bytes) -> None:
        """From now on the pieces of the request are read. A parser that is none is logged: all is content then."""
        opening = self._parsers[request] = _Opening(self._make, parser, self._send)
        self._openings.put(opening)
        if self._makers < MAKERS:
            self._makers += 1
            threading.Thread(target=self._make_parsers, daemon=True).start()

    def detach(self, request: int) -> None:
        if opening := self._parsers.pop(request, None):
            opening.is_wanted = False

    def read(self, events: list[Event]) -> list[Event]:
        """The same events, those of requests with a parser read, without those that have to wait for it.

        The order of each request's is kept.
        """
        return [seen for event in events for seen in self._read(event)] if self._parsers else events

    def _read(self, event: Event) -> Sequence[Event]:
        kind, request = event[:2] if event[0] in _OF_COMPLETIONS else (None, None)
        opening = self._parsers.get(request) if kind == _PIECE else self._parsers.pop(request, None)
        if opening is None:
            return (event,)
        if kind == _FAILED or (kind == _FINISHED and event[2] == "cancelled"):
            opening.is_wanted = False
            return (event,)
        return opening.read(event)

    def _make_parsers(self) -> None:
        try:
            while True:
                self._openings.get().open()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)  # requests would wait for ever


class _Opening:
    """A parser that another thread makes while the prompt is computed: for a thousand tools it takes a second."""

    def __init__(self, make: Callable[[bytes], Parser], source: bytes, send: Send) -> None:
        self._make = make
        self._source = source
        self._send = send
        self._lock = threading.Lock()
        self._waiting: list[Event] | None = []  # for the parser; None: it is there
        self._parser: Parser | None = None
        self.is_wanted = True

    def read(self, event: Event) -> Sequence[Event]:
        """What a piece or the end of the answer means; nothing while there is no parser yet."""
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(event)
                return ()
        return _read(self._parser, event)

    def open(self) -> None:
        """Make the parser, and send what had to wait for it."""
        parser = None
        try:
            parser = self._make(self._source) if self.is_wanted else None
        except Exception as error:
            print(f"an answer is not parsed: {error}", file=sys.stderr)
        with self._lock:  # what comes meanwhile comes after what waited
            waiting, self._waiting, self._parser = self._waiting or [], None, parser
            if seen := [seen for event in waiting for seen in _read(parser, event)]:
                self._send(seen)


def _read(parser: Parser | None, event: Event) -> Sequence[Event]:
    if parser is None:
        return (event,)
    kind, request = event[:2]
    if kind == _PIECE:
        content, thinking, calls = parser.add(str(event[2]))
        seen = bool(content or thinking or calls or event[3])
        return ((_PIECE, request, content, event[3], thinking, calls),) if seen else ()
    content, thinking, calls, open_thought = parser.finish()
    return (_PIECE, request, content, None, thinking, calls, open_thought), event
