"""Messages, tools and calls of a conversation: the form that every dialect decodes to, as structs without behaviour.

``null`` means "not given". ``Any`` fields have more than one JSON form. None of them can be part of a circle, so the
garbage collector does not look through requests of many thousand messages (``gc=False``).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class CalledFunction(Struct, gc=False):
    """What a tool call names. Argument order is kept."""

    name: str = ""
    arguments: dict[str, Any] | None = None
    index: int = 0


class ToolCall(Struct, gc=False):
    """A call that the assistant made, in requests."""

    function: CalledFunction = field(default_factory=CalledFunction)
    id: str = ""


class Message(Struct, gc=False):
    """One turn of a conversation. ``images`` are base64 text."""

    role: str = ""
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class ToolParameters(Struct, omit_defaults=True, gc=False):
    """The argument object of a tool, a JSON Schema of type object. Property order is kept."""

    type: str | list[str] = "object"
    defs: Any = field(default=None, name="$defs")
    items: Any = None
    required: list[str] | None = None
    properties: dict[str, dict[str, Any] | bool] | None = None


class ToolFunction(Struct, omit_defaults=True, gc=False):
    name: str = ""
    description: str | None = None
    parameters: ToolParameters | None = None


class Tool(Struct, gc=False):
    """A function that the model may call."""

    function: ToolFunction = field(default_factory=ToolFunction)
    type: str = "function"
    items: Any = None


class AnsweredFunction(Struct):
    index: int
    name: str
    arguments: dict[str, Any]


class AnsweredCall(Struct):
    id: str
    function: AnsweredFunction
