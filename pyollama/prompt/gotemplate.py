"""Prompts by a Go template, and what such a template says about the answers of its model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from modelfile_grammar import template as go
from pyollama.errors import TemplateError
from pyollama.prompt.effort import Effort
from pyollama.prompt.output import OutputParser
from pyollama.prompt.thinking import ThinkingParser, opened_by
from pyollama.wire.ollama import Message, Tool


def chat(text: str, messages: Sequence[Message], tools: Sequence[Tool], effort: Effort) -> str:
    """The prompt of a conversation. TemplateError: it does not parse, or fails while rendering."""
    with _failures():
        return go.render_prompt(_parsed(text), messages=messages, tools=tools, **_thinking(effort))


def insertion(text: str, prompt: str, suffix: str, effort: Effort) -> str:
    """The prompt for text between ``prompt`` and ``suffix``. TemplateError."""
    with _failures():
        return go.render_prompt(_parsed(text), prompt=prompt, suffix=suffix, **_thinking(effort))


def thinking_tags(text: str) -> tuple[str, str]:
    """What surrounds reasoning; two empty texts if the template does not say."""
    with _failures():
        opening, closing = go.thinking_tags(_parsed(text))
    return opening, closing


def tag_of_calls(text: str) -> str:
    """What precedes a tool call; ``{`` if the template does not say."""
    with _failures():
        return go.tool_call_tag(_parsed(text))


def thinking_parser(text: str, prompt: str) -> ThinkingParser | None:
    """What takes reasoning out of the answer to ``prompt``; None if the template does not say how it looks."""
    opening, closing = thinking_tags(text)
    return ThinkingParser(opening, closing, opened=opened_by(prompt, opening)) if opening and closing else None


def parser(text: str, prompt: str) -> OutputParser:
    return OutputParser(thinking_parser(text, prompt))


@lru_cache(maxsize=64)
def _parsed(text: str) -> go.Template:
    return go.Template.parse(text)


def _thinking(effort: Effort) -> dict[str, bool | str]:
    return {"think": effort.on, "think_level": effort.level, "is_think_set": effort.is_set}


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except go.TemplateError as error:
        raise TemplateError(str(error)) from error
