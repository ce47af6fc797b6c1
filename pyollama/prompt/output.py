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

    Where the engine reads answers itself, they only do what it leaves undone.
    """

    def __init__(
        self,
        thinking: ThinkingParser | None = None,
        tools: ToolParser | None = None,
        *,
        show_thinking: bool = True,
        calls_are_read: bool = False,
    ) -> None:
        """
        Args:
            show_thinking: reasoning is part of the answer; otherwise it is dropped.
            calls_are_read: by the engine; ``tools`` is for thoughts that never close.
        """
        self._thinking = thinking
        self._tools = None if calls_are_read else tools
        self._searcher = tools
        self._show_thinking = show_thinking
        self._thought: list[str] = []  # kept for the case that it never closes and has a call in it
        self._is_open = False
        self._made = 0

    def read(self, piece: Piece) -> Delta:
        """What is decided after one more piece of the answer."""
        if piece.thinking or piece.calls or piece.open_thought:
            self._is_open = piece.open_thought
            return self._joined(piece, self._add(piece.text))
        return Delta(piece.text) if self._is_idle else self._add(piece.text)

    def finish(self) -> Delta:
        """What was held back."""
        is_open = self._is_open or (self._thinking is not None and self._thinking.thinking)
        delta = self._delta(*(self._thinking.finish() if self._thinking else ("", "")))
        rest, calls = self._tools.finish() if self._tools else ("", [])
        if is_open and self._searcher:
            calls += self._searcher.search("".join(self._thought))
        return Delta(delta.content + rest, delta.thinking, (*delta.calls, *calls))

    @property
    def _is_idle(self) -> bool:
        """Whether all text is content, unchanged."""
        return self._tools is None and (self._thinking is None or self._thinking.idle)

    def _add(self, text: str) -> Delta:
        return self._delta(*(self._thinking.add(text) if self._thinking else ("", text)))

    def _delta(self, thinking: str, content: str) -> Delta:
        calls: list[AnsweredCall] = []
        if self._searcher and thinking:
            self._thought.append(thinking)
        if self._tools and content:
            content, calls = self._tools.add(content)
        return Delta(content, thinking if self._show_thinking else "", tuple(calls))

    def _joined(self, piece: Piece, delta: Delta) -> Delta:
        """With what the engine has read."""
        thinking, calls = piece.thinking, []
        if self._searcher and thinking:
            self._thought.append(thinking)
        for name, arguments in piece.calls:
            calls.append(AnsweredCall(call_id(), AnsweredFunction(self._made, name, parse_arguments(arguments))))
            self._made += 1
        shown = thinking if self._show_thinking else ""
        return Delta(delta.content, shown + delta.thinking, (*calls, *delta.calls))
