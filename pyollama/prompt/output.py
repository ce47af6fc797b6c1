"""From the engine's text to what a client sees: reasoning, content and tool calls."""

from __future__ import annotations

from typing import NamedTuple

from pyollama.prompt.calls import parse_arguments
from pyollama.prompt.thinking import ThinkingParser
from pyollama.prompt.tools import ToolParser, call_id
from pyollama.wire.chat import AnsweredCall, AnsweredFunction
from pyollama.wire.runner import Piece


class Delta(NamedTuple):
    """What one piece of text adds to the answer. Any part may be empty, and all of them while a tag is undecided."""

    content: str = ""
    thinking: str = ""
    calls: tuple[AnsweredCall, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.content or self.thinking or self.calls)


class AnswerForm(NamedTuple):
    """What the engine must know of how answers are written."""

    stops: tuple[str, ...] = ()  # texts that end them, beside those of the options
    shown: tuple[str, ...] = ()  # texts whose special tokens mean something in them
    parser: bytes = b""  # JSON: how the engine is to read them


class OutputParser:
    """The parsers that a request needs, one behind the other: reasoning is taken out first.

    Where the engine reads answers itself, what it gives as content goes through them all the same: it may be unable to
    read a call that they can.
    """

    def __init__(
        self,
        thinking: ThinkingParser | None = None,
        tools: ToolParser | None = None,
        *,
        show_thinking: bool = True,
        search: ToolParser | None = None,
    ) -> None:
        """
        Args:
            show_thinking: reasoning is part of the answer; otherwise it is dropped.
            search: finds calls in a thought that never closes.
        """
        self._thinking = thinking
        self._tools = tools
        self._searcher = search or tools
        self._show_thinking = show_thinking
        self._thought: list[str] = []  # kept for the searcher
        self._is_open = False
        self._made = 0

    def read(self, piece: Piece) -> Delta:
        """What is decided after one more piece of the answer."""
        if not (piece.thinking or piece.calls or piece.open_thought) and self._is_idle:
            return Delta(piece.text)
        self._is_open = piece.open_thought
        thinking, content = self._thinking.add(piece.text) if self._thinking else ("", piece.text)
        calls = [
            AnsweredCall(call_id(), AnsweredFunction(0, name, parse_arguments(text))) for name, text in piece.calls
        ]
        return self._delta(content, piece.thinking + thinking, calls)

    def finish(self) -> Delta:
        """What was held back."""
        is_open = self._is_open or (self._thinking is not None and self._thinking.thinking)
        thinking, content = self._thinking.finish() if self._thinking else ("", "")
        delta = self._delta(content, thinking, [])
        rest, calls = self._tools.finish() if self._tools else ("", [])
        if is_open and self._searcher:
            calls += self._searcher.search("".join(self._thought))
        return Delta(delta.content + rest, delta.thinking, (*delta.calls, *self._numbered(calls)))

    @property
    def _is_idle(self) -> bool:
        """Whether all text is content, unchanged."""
        return self._tools is None and (self._thinking is None or self._thinking.idle)

    def _delta(self, content: str, thinking: str, calls: list[AnsweredCall]) -> Delta:
        if self._searcher and thinking:
            self._thought.append(thinking)
        if self._tools and content:
            content, more = self._tools.add(content)
            calls = calls + more
        return Delta(content, thinking if self._show_thinking else "", tuple(self._numbered(calls)))

    def _numbered(self, calls: list[AnsweredCall]) -> list[AnsweredCall]:
        for call in calls:
            call.function.index = self._made
            self._made += 1
        return calls
