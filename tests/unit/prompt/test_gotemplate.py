"""Requests of the API as a Go template sees them."""

from __future__ import annotations

import msgspec
import pytest

from pyollama.errors import TemplateError
from pyollama.prompt import gotemplate
from pyollama.prompt.effort import Effort
from pyollama.wire.chat import Message, Tool

TOOL = {
    "type": "function",
    "items": {"n": 12345678901234567890},
    "function": {
        "name": "tide",
        "description": "when",
        "parameters": {
            "type": "object",
            "$defs": {"d": {"type": "string"}},
            "items": [1],
            "required": ["at"],
            "properties": {"at": {"type": ["string", "null"], "enum": ["Brest", 5]}},
        },
    },
}
MESSAGES = [
    {"role": "user", "content": "Hi <s>", "images": ["aW1n"]},
    {
        "role": "assistant",
        "thinking": "hm",
        "tool_calls": [{"id": "c1", "function": {"index": 7, "name": "tide", "arguments": {"at": "Brest"}}}],
    },
    {"role": "tool", "content": "noon", "tool_name": "tide", "tool_call_id": "c1"},
]


def chat(template: str, **more: object) -> list[str]:
    messages, tools = msgspec.convert(MESSAGES, list[Message]), msgspec.convert([TOOL], list[Tool])
    return gotemplate.chat(template, messages, tools, Effort(on=True, level="high", is_set=True), **more)  # type: ignore[arg-type]


def test_every_field_of_messages_and_tools_is_there() -> None:
    """A124 for Go: keys ascend, ``required`` stays as given."""
    template = (
        "{{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ .Thinking }}{{ len .Images }}"
        "{{ .ToolName }}{{ .ToolCallID }}"
        "{{ range .ToolCalls }}{{ .ID }}{{ .Function.Index }}{{ .Function.Name }}{{ .Function.Arguments }}{{ end }}"
        "{{ end }}<tools>{{ .Tools }}<{{ .ThinkLevel }}{{ .Think }}{{ .IsThinkSet }}>"
    )

    assert chat(template) == [
        "<user>",
        "Hi <s>1",
        "<assistant>",
        'hm0c17tide{"at":"Brest"}',
        "<tool>",
        "noon0tidec1",
        "<tools>",
        '[{"type":"function","items":{"n":12345678901234567890},"function":{"name":"tide","description":"when",'
        '"parameters":{"type":"object","$defs":{"d":{"type":"string"}},"items":[1],"required":["at"],'
        '"properties":{"at":{"type":["string","null"],"enum":["Brest",5]}}}}}]',
        "<hightruetrue>",
    ]


def test_what_nobody_waits_for_any_more_is_not_rendered() -> None:
    with pytest.raises(TemplateError, match="cancelled"):
        chat("{{ range 100000 }}{{ end }}{{ .Messages }}", cancelled=lambda: True)
