"""The chat template inside a GGUF: what goes to the engine's renderer as JSON, and what comes back.

The renderer speaks OpenAI's form of messages, so arguments of tool calls are JSON text there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from pyollama.prompt.effort import Effort
from pyollama.wire.chat import Message, Tool, ToolCall

_TAGS_OF_CALLS = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<|tool_call|>", "<function_call>")


def request(messages: Sequence[Message], tools: Sequence[Tool], effort: Effort) -> bytes:
    """One chat to render."""
    body: dict[str, Any] = {"messages": [_message(message) for message in messages], "add_generation_prompt": True}
    if tools:
        body["tools"] = tools
    if effort.is_set:
        body["enable_thinking"] = effort.on
    if effort.level and effort.on:
        body["reasoning_effort"] = effort.level
    return msgspec.json.encode(body)


def tag_of_calls(template: str) -> str:
    """What a model with this template writes before a tool call; a bare ``{`` if it writes plain JSON."""
    return next((tag for tag in _TAGS_OF_CALLS if tag in template), "{")


def _message(message: Message) -> dict[str, Any]:
    form: dict[str, Any] = {"role": message.role, "content": message.content or ""}
    if message.thinking:
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
