"""The chat template inside a GGUF: what goes to the engine's renderer as JSON, and what comes back.

The renderer speaks OpenAI's form of messages, so arguments of tool calls are JSON text there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from pyollama.errors import EngineRefused, TemplateError
from pyollama.prompt.effort import Effort
from pyollama.prompt.messages import last_index
from pyollama.prompt.output import AnswerForm
from pyollama.wire.chat import Message, Tool, ToolCall

_OF_PARSER = ("format", "generation_prompt", "parser", "thinking_end_tags")
_TAGS_OF_CALLS: tuple[str, ...] = (
    "<tool_call>",
    "[TOOL_CALLS]",
    "<|python_tag|>",
    "<|tool_call|>",
    "<function_call>",
    "<tool_calls>",
)
_TAGS_OF_CALLS += ("<｜tool▁calls▁begin｜>", "<|tool_calls_section_begin|>", "<|tool_calls|>", "<|START_ACTION|>")
_TAGS_OF_CALLS += ("<TOOLCALL>", "functools[", "<function=", ">>>")
_PROBE = "qWx7"  # a text that no template has of its own
_PROBED_TEMPLATES = 64


class Renders(Protocol):
    async def render(self, request: bytes) -> dict[str, Any]: ...


def request(messages: Sequence[Message], tools: Sequence[Tool], effort: Effort, continued: bool = False) -> bytes:
    """One chat to render. ``continued``: the model goes on from the last message, its own."""
    body: dict[str, Any] = {"messages": _messages(messages), "add_generation_prompt": not continued}
    if continued:
        body["continue_final_message"] = True
    if tools:
        body["tools"] = tools
    if effort.is_set:
        body["enable_thinking"] = effort.on
    if effort.is_named:
        body["reasoning_effort"] = effort.level
    return msgspec.json.encode(body)


def form(rendered: Mapping[str, Any]) -> AnswerForm:
    """What a rendering says about the answer."""
    parser = b"" if rendered.get("is_plain", True) else msgspec.json.encode({key: rendered[key] for key in _OF_PARSER})
    return AnswerForm(
        stops=tuple(rendered.get("additional_stops", ())),
        shown=(*rendered.get("preserved_tokens", ()), *rendered.get("additional_stops", ())),
        parser=parser,
    )


def is_harmony(template: str) -> bool:
    """Whether it is that of gpt-oss."""
    return "<|channel|>" in template


def tag_of_calls(template: str) -> str:
    """What a model with this template writes before a tool call; a bare ``{`` if it writes plain JSON."""
    return next((tag for tag in _TAGS_OF_CALLS if tag in template), "{")


_prints_later_system: dict[str, bool] = {}


async def takes_one_system_message(template: str, messages: Sequence[Message], renderer: Renders) -> bool:
    """Whether the template would refuse or leave out a system message of this chat that is not its first message.

    Found out once per template by rendering a chat with such a message.
    """
    if last_index(messages, "system") <= 0:
        return False
    if template not in _prints_later_system:
        while len(_prints_later_system) >= _PROBED_TEMPLATES:
            del _prints_later_system[next(iter(_prints_later_system))]
        _prints_later_system[template] = await _prints(_PROBE, renderer)
    return not _prints_later_system[template]


async def _prints(probe: str, renderer: Renders) -> bool:
    turns = [("system", "a"), ("user", "b"), ("assistant", "c"), ("system", probe), ("user", "d")]
    try:
        shim = await renderer.render(request([Message(*turn) for turn in turns], (), Effort()))
    except (EngineRefused, TemplateError):  # the template's own word
        return False
    return probe in "".join(shim["prompt"]) and shim.get("caps", {}).get("supports_system_role", True)


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Reasoning of earlier turns is left out: no model saw it in its training."""
    last_user = last_index(messages, "user")
    return [_message(message, with_thinking=i > last_user) for i, message in enumerate(messages)]


def _message(message: Message, *, with_thinking: bool) -> dict[str, Any]:
    form: dict[str, Any] = {"role": message.role, "content": message.content or ""}
    if message.thinking and with_thinking:
        form["reasoning_content"] = message.thinking
    if message.tool_calls:
        form["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_name:
        form["name"] = message.tool_name
    if message.tool_call_id:
        form["tool_call_id"] = message.tool_call_id
    return form


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.function.name, "arguments": json.dumps(call.function.arguments or {}, ensure_ascii=False)}
    return {"type": "function", "id": call.id, "function": function}
