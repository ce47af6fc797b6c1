"""Prompts by a Go template, and what such a template says about the answers of its model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from msgspec.structs import asdict

from modelfile_grammar import template as go
from pyollama.errors import TemplateError
from pyollama.prompt.effort import Effort
from pyollama.prompt.kept import Kept
from pyollama.prompt.output import OutputParser
from pyollama.prompt.thinking import ThinkingParser, opened_by
from pyollama.wire.chat import Message, Tool

Cancelled = Callable[[], bool] | None
_kept = Kept()


def check(text: str) -> None:
    """TemplateError: it does not parse."""
    with _failures():
        _parsed(text)


def chat(
    text: str, messages: Sequence[Message], tools: Sequence[Tool], effort: Effort, cancelled: Cancelled = None
) -> list[str]:
    """The prompt of a conversation as fragments: template, data, template and so on. Needs much time, if hostile.

    Args:
        cancelled: asked now and then, from this thread, whether nobody waits any more.

    Raises:
        TemplateError: it does not parse, fails while rendering, uses too much, or is cancelled.
    """
    with _failures():
        return go.render_prompt(
            _parsed(text),
            messages=list(map(_message, messages)),
            tools=list(map(_tool, tools)),
            think=effort.on,
            think_level=effort.level,
            is_think_set=effort.is_set,
            cancelled=cancelled,
        )


def insertion(text: str, prompt: str, suffix: str, effort: Effort, cancelled: Cancelled = None) -> list[str]:
    """The prompt for text between ``prompt`` and ``suffix``, otherwise as ``chat``."""
    with _failures():
        return go.render_prompt(
            _parsed(text),
            prompt=prompt,
            suffix=suffix,
            think=effort.on,
            think_level=effort.level,
            is_think_set=effort.is_set,
            cancelled=cancelled,
        )


def thinking_parser(text: str, prompt: str) -> ThinkingParser | None:
    """What takes reasoning out of the answer to ``prompt``; None if the template does not say how it looks."""
    with _failures():
        tags = _parsed(text).thinking_tags
    return ThinkingParser(*tags, opened=opened_by(prompt, tags[0])) if tags else None


def tag_of_calls(text: str) -> str:
    """What precedes a tool call; ``{`` if the template does not say."""
    with _failures():
        return _parsed(text).tool_call_tag


def marks(text: str) -> tuple[str, ...]:
    """What may be special tokens in a template: those that begin and end calls and thoughts among others."""
    return tuple(dict.fromkeys(match[0] for match in islice(_MARK.finditer(text), _MOST_MARKS)))


def parser(text: str, prompt: str, *, show_thinking: bool) -> OutputParser:
    """What reads the answer to ``prompt`` of a model that may think."""
    return OutputParser(thinking_parser(text, prompt), show_thinking=show_thinking)


# What clients sent stays where it is: converting all of it in one call would stop every other thread meanwhile.


def _message(message: Message) -> dict[str, Any]:
    fields = asdict(message)
    if message.tool_calls:
        fields["tool_calls"] = [{"id": call.id, "function": asdict(call.function)} for call in message.tool_calls]
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    parameters = tool.function.parameters
    described = asdict(parameters) if parameters else {}
    function = {**asdict(tool.function), "parameters": {**described, "$defs": described.get("defs")}}
    return {**asdict(tool), "function": function}


_MOST_MARKS = 1000  # real templates have some dozens
_MARK = re.compile(r"<[^<>\s]{1,60}>|\[/?[A-Z_]{2,40}\]")


def _parsed(text: str) -> go.Template:
    return _kept.get(text)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except go.TemplateError as error:
        raise TemplateError(str(error)) from error
