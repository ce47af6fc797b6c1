"""From the engine's text to what a client sees: reasoning, content and tool calls."""

from __future__ import annotations

from typing import NamedTuple

from pyollama.prompt.thinking import ThinkingParser
from pyollama.prompt.tools import ToolParser
from pyollama.wire.chat import AnsweredCall


class Delta(NamedTuple):
    """What one piece of text adds to the answer. Any part may be empty, and all of them while a tag is undecided."""

    content: str = ""
    thinking: str = ""
    calls: tuple[AnsweredCall, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.content or self.thinking or self.calls)


class OutputParser:
    """The parsers that a request needs, one behind the other: reasoning is taken out first."""

    def __init__(
        self, thinking: ThinkingParser | None = None, tools: ToolParser | None = None, *, show_thinking: bool = True
    ) -> None:
        """``show_thinking``: reasoning is part of the answer; otherwise it is dropped."""
        self._thinking = thinking
        self._tools = tools
        self._show_thinking = show_thinking
        self._thought: list[str] = []  # kept for the case that it never closes and has a call in it

    @property
    def idle(self) -> bool:
        """Whether all text is content, unchanged."""
        return self._tools is None and (self._thinking is None or self._thinking.idle)

    def add(self, text: str) -> Delta:
        thinking, content = self._thinking.add(text) if self._thinking else ("", text)
        return self._delta(thinking, content)

    def finish(self) -> Delta:
        """What was held back."""
        never_closed = self._thinking is not None and self._thinking.thinking
        delta = self._delta(*(self._thinking.finish() if self._thinking else ("", "")))
        if self._tools is None:
            return delta
        rest, calls = self._tools.finish()
        if never_closed:
            calls += self._tools.search("".join(self._thought))
        return Delta(delta.content + rest, delta.thinking, (*delta.calls, *calls))

    def _delta(self, thinking: str, content: str) -> Delta:
        calls: list[AnsweredCall] = []
        if self._tools and thinking:
            self._thought.append(thinking)
        if self._tools and content:
            content, calls = self._tools.add(content)
        return Delta(content, thinking if self._show_thinking else "", tuple(calls))
