"""Finding tool calls in a stream of text (template.md section 13).

Templates of models with tools show how such a model writes a call: after a tag, as JSON. ``ToolParser`` holds the text
of a call back until it is complete. Text before the tag is content; with a tag of one bracket the model may also be
answering in plain JSON, which is then given back as content.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from pyollama.prompt.thinking import overlap
from pyollama.wire.chat import AnsweredCall, AnsweredFunction

BRACKETS = {"{": "}", "[": "]"}
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[][{}]', re.DOTALL)
_ID_LETTERS = string.ascii_lowercase + string.digits


class _State(Enum):
    LOOKING = auto()  # for the tag
    CALLING = auto()  # inside what follows the tag
    DONE = auto()  # everything is content


class _Object(NamedTuple):
    """A JSON object found in the buffer, and where it ends."""

    value: dict[str, Any]
    end: int


class ToolParser:
    """Feed text with ``add``, end with ``finish``: content first, then calls, each exactly once."""

    def __init__(self, tag: str, names: Sequence[str]) -> None:
        """``tag`` precedes a call; ``names`` are those of the tools that the request offers."""
        self._tag = tag
        self._names = sorted(names, key=len, reverse=True)
        self._name = re.compile("|".join(re.escape(name) for name in self._names if name) or r"(?!)")
        self._state = _State.LOOKING
        self._buffer = ""
        self._depth = 0  # of the tag's bracket, in text that calls have consumed
        self._made = 0

    def add(self, text: str) -> tuple[str, list[AnsweredCall]]:
        """Content and calls that are decided after one more piece of text."""
        if self._state is _State.DONE:
            return text, []
        self._buffer += text
        content, calls = "", []
        if self._state is _State.LOOKING:
            content = self._look()
            text = self._buffer
        if self._state is _State.CALLING and "}" in text:
            calls = list(self._take_calls())
            content += self._close_bracket()
        return content, calls

    def finish(self) -> tuple[str, list[AnsweredCall]]:
        """What the end of the stream decides: a last call, or held text that was no call after all."""
        calls = list(self._take_calls(wait_for_name=False)) if self._state is _State.CALLING else []
        held, self._buffer = self._buffer, ""
        if self._state is _State.CALLING and (self._made or self._tag not in BRACKETS):
            held = ""
        return held, calls

    def _look(self) -> str:
        """Content before the tag, or before what may become the tag."""
        found = self._buffer.find(self._tag)
        cut = found if found >= 0 else len(self._buffer) - overlap(self._buffer, self._tag)
        content = self._buffer[:cut]
        if self._tag in BRACKETS and content.strip():
            return self._pass_through()
        self._buffer = self._buffer[cut:]
        if found >= 0:
            self._state = _State.CALLING
        return content

    def _take_calls(self, *, wait_for_name: bool = True) -> Iterator[AnsweredCall]:
        while call := self._take_call(wait_for_name):
            yield call

    def _take_call(self, wait_for_name: bool) -> AnsweredCall | None:
        if wait_for_name and any(overlap(self._buffer, name) for name in self._names):
            return None
        name = self._name.search(self._buffer)
        found = _first_object(self._buffer)
        arguments = _arguments(found.value, name[0]) if name and found else None
        if name is None or found is None or arguments is None:
            return None
        self._consume(max(name.end(), found.end))
        self._made += 1
        return AnsweredCall(_call_id(), AnsweredFunction(self._made - 1, name[0], arguments))

    def _consume(self, length: int) -> None:
        self._depth = self._brackets(self._buffer[:length])[0]
        self._buffer = self._buffer[length:]

    def _close_bracket(self) -> str:
        """With a bracket for a tag: content after the bracket that closes it."""
        if self._tag not in BRACKETS:
            return ""
        _, closed = self._brackets(self._buffer)
        if not closed and not (self._made and self._depth == 0):
            return ""
        if not self._made:
            return self._pass_through()
        self._consume(closed)
        self._state, self._depth = _State.LOOKING, 0
        return self._look()

    def _brackets(self, text: str) -> tuple[int, int]:
        """Open brackets after text, and the position after the one that closed the last (0: none did)."""
        opening, closing = (self._tag, BRACKETS[self._tag]) if self._tag in BRACKETS else ("", "")
        depth, closed = self._depth, 0
        for token in _STRING_OR_BRACKET.finditer(text):
            if token[0] == opening:
                depth += 1
            elif token[0] == closing:
                depth -= 1
                if depth == 0:
                    closed = token.end()
        return depth, closed

    def _pass_through(self) -> str:
        content, self._buffer = self._buffer, ""
        self._state = _State.DONE
        return content


def _first_object(text: str) -> _Object | None:
    """The first balanced ``{...}`` that parses as a JSON object."""
    start, depth = 0, 0
    for token in _STRING_OR_BRACKET.finditer(text, max(text.find("{"), 0)):
        if token[0] == "{":
            start = token.start() if depth == 0 else start
            depth += 1
        elif token[0] == "}" and depth > 0:
            depth -= 1
            value = _parse(text[start : token.end()]) if depth == 0 else None
            if value is not None:
                return _Object(value, token.end())
    return None


def _parse(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _arguments(value: dict[str, Any], name: str) -> dict[str, Any] | None:
    """What the object says the tool is called with; None when it is no call."""
    named = [item for item in _objects(value) if isinstance(item.get("name"), str)]
    for item in named:
        if item["name"] == name:
            return _given(item)
    own = value.get(name)
    if isinstance(own, dict):
        return own
    return None if named else value


def _given(call: dict[str, Any]) -> dict[str, Any] | None:
    for key in ("arguments", "parameters"):
        value = call.get(key)
        if isinstance(value, str):
            value = _parse(value)
        if isinstance(value, dict):
            return value
    return None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object within value, outside in."""
    level = [value]
    while level:
        yield from (item for item in level if isinstance(item, dict))
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]


def _call_id() -> str:
    return "call_" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8))
