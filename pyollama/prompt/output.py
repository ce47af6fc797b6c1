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

    def __init__(self, thinking: ThinkingParser | None = None, tools: ToolParser | None = None) -> None:
        self._thinking = thinking
        self._tools = tools

    @property
    def idle(self) -> bool:
        """Whether all text is content, unchanged."""
        return self._tools is None and (self._thinking is None or self._thinking.idle)

    def add(self, text: str) -> Delta:
        thinking, content = self._thinking.add(text) if self._thinking else ("", text)
        return self._call(thinking, content)

    def finish(self) -> Delta:
        """What was held back."""
        thinking, content = self._thinking.finish() if self._thinking else ("", "")
        delta = self._call(thinking, content)
        if self._tools is None:
            return delta
        rest, calls = self._tools.finish()
        return Delta(delta.content + rest, thinking, (*delta.calls, *calls))

    def _call(self, thinking: str, content: str) -> Delta:
        if self._tools is None or not content:
            return Delta(content, thinking)
        content, calls = self._tools.add(content)
        return Delta(content, thinking, tuple(calls))
