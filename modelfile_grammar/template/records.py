"""The records a chat template sees: messages, tool calls, tools. Made from the JSON shapes of the API."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .gotext.gojson import to_json
from .gotext.numbers import INT_MIN, UINT_MAX
from .values import Charge, FieldType, Record, RecordType, Shown, ShownList, TemplateText, TypeNames, Value, is_map

MESSAGE = RecordType(
    "*template.templateMessage",
    (
        FieldType("Role"),
        FieldType("Content"),
        FieldType("Thinking"),
        FieldType("Images", null_if_empty=True),
        FieldType("ToolCalls", null_if_empty=True),
        FieldType("ToolName"),
        FieldType("ToolCallID"),
    ),
)
TOOL_CALL = RecordType("template.templateToolCall", (FieldType("ID"), FieldType("Function")))
CALLED_FUNCTION = RecordType(
    "template.templateToolCallFunction", (FieldType("Index"), FieldType("Name"), FieldType("Arguments"))
)
TOOL = RecordType(
    "*template.templateTool",
    (FieldType("Type", "type"), FieldType("Items", "items", omit_empty=True), FieldType("Function", "function")),
    shown=to_json,
)
TOOL_FUNCTION = RecordType(
    "template.templateToolFunction",
    (FieldType("Name", "name"), FieldType("Description", "description"), FieldType("Parameters", "parameters")),
    shown=to_json,
)
PARAMETERS = RecordType(
    "template.templateToolFunctionParameters",
    (
        FieldType("Type", "type"),
        FieldType("Defs", "$defs", omit_empty=True),
        FieldType("Items", "items", omit_empty=True),
        FieldType("Required", "required", omit_empty=True),
        FieldType("Properties", "properties"),
    ),
    shown=to_json,
)
PARAMETERS_WITHOUT_PROPERTIES = replace(
    PARAMETERS, fields=(*PARAMETERS.fields[:-1], FieldType("Properties", "properties", null_if_empty=True))
)
PROPERTY = RecordType(
    "template.templateToolProperty",
    (
        FieldType("AnyOf", "anyOf", omit_empty=True),
        FieldType("Type", "type", omit_empty=True),
        FieldType("Items", "items", omit_empty=True),
        FieldType("Description", "description", omit_empty=True),
        FieldType("Enum", "enum", omit_empty=True),
        FieldType("Properties", "properties", omit_empty=True),
        FieldType("Required", "required", omit_empty=True),
    ),
)

FIELD_NAMES = {
    kind.name: tuple(field.name for field in kind.fields)
    for kind in (MESSAGE, TOOL_CALL, CALLED_FUNCTION, TOOL, TOOL_FUNCTION, PARAMETERS, PROPERTY)
}
"""What each record has, by the name of its type as errors say it."""

_PER_RECORD = 16  # characters that a record counts, printed or not

MAX_DEPTH = 100
"""Levels of properties inside properties; what is deeper is left out."""


ROLES = {name: TemplateText(name) for name in ("system", "developer", "user", "assistant", "tool", "function")}
"""Roles that count as the template's own text, because templates make special tokens of them: ``<|{{ .Role }}|>``."""


def message_record(message: Mapping[str, Any], charge: Charge) -> Record:
    """A message of the API (role, content, thinking, images, tool_calls, tool_name, tool_call_id) as a record."""
    charge(_PER_RECORD)
    given = [call for call in message.get("tool_calls") or () if isinstance(call, Mapping)]
    calls = [call_record(call, index, charge) for index, call in enumerate(given)]
    return Record(
        MESSAGE,
        {
            "Role": _role(message.get("role")),
            "Content": _text(message.get("content")),
            "Thinking": _text(message.get("thinking")),
            "Images": list(message.get("images") or ()),
            "ToolCalls": calls,
            "ToolName": _text(message.get("tool_name")),
            "ToolCallID": _text(message.get("tool_call_id")),
        },
    )


def call_record(call: Mapping[str, Any], index: int, charge: Charge) -> Record:
    """A tool call; the name and arguments may also stand outside ``function``."""
    inner = call.get("function")
    function: Mapping[str, Any] = inner if isinstance(inner, Mapping) else call
    arguments = function.get("arguments")
    called = Record(
        CALLED_FUNCTION,
        {
            "Index": _index(function.get("index"), index),
            "Name": _text(function.get("name")),
            "Arguments": _arguments(arguments, charge),
        },
    )
    return Record(TOOL_CALL, {"ID": _text(call.get("id")), "Function": called})


def _arguments(arguments: object, charge: Charge) -> Shown:
    decoded = _from_json(arguments, charge)
    return Shown(decoded) if is_map(decoded) else Shown()


def tools_list(tools: Sequence[Mapping[str, Any]], charge: Charge) -> ShownList:
    """The tools of a request."""
    return ShownList([_tool(tool, charge) for tool in tools])


def _tool(tool: Mapping[str, Any], charge: Charge) -> Record:
    charge(_PER_RECORD)
    function = _mapping(tool.get("function"))
    described = Record(
        TOOL_FUNCTION,
        {
            "Name": _text(function.get("name")),
            "Description": _text(function.get("description")),
            "Parameters": _parameters(_mapping(function.get("parameters")), charge),
        },
    )
    return Record(
        TOOL, {"Type": _text(tool.get("type")), "Items": _from_json(tool.get("items"), charge), "Function": described}
    )


def _parameters(schema: Mapping[str, Any], charge: Charge) -> Record:
    has_properties = isinstance(schema.get("properties"), dict)
    return Record(
        PARAMETERS if has_properties else PARAMETERS_WITHOUT_PROPERTIES,
        {
            "Type": _text(schema.get("type")),
            "Defs": _from_json(schema.get("$defs"), charge),
            "Items": _from_json(schema.get("items"), charge),
            "Required": _from_json(schema.get("required"), charge) or [],
            "Properties": _properties(schema.get("properties"), charge, 0),
        },
    )


def _properties(properties: object, charge: Charge, depth: int) -> Shown:
    if not isinstance(properties, dict) or depth > MAX_DEPTH:
        return Shown()
    return Shown({str(name): property_record(_mapping(one), charge, depth) for name, one in properties.items()})


def property_record(schema: Mapping[str, Any], charge: Charge, depth: int = 0) -> Record:
    """One property of a tool's parameters; properties in it are records again."""
    charge(_PER_RECORD)
    kind = schema.get("type")
    names = [kind] if isinstance(kind, str) else [name for name in kind or () if isinstance(name, str)]
    any_of = schema.get("anyOf")
    members = any_of if isinstance(any_of, list) and depth < MAX_DEPTH else []
    return Record(
        PROPERTY,
        {
            "AnyOf": [property_record(_mapping(one), charge, depth + 1) for one in members],
            "Type": TypeNames(names),
            "Items": _from_json(schema.get("items"), charge),
            "Description": _text(schema.get("description")),
            "Enum": _from_json(schema.get("enum"), charge) or [],
            "Properties": _properties(schema.get("properties"), charge, depth + 1),
            "Required": _from_json(schema.get("required"), charge) or [],
        },
    )


_TYPESCRIPT = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "array": "any[]",
    "object": "Record<string, any>",
    "null": "null",
}


def typescript_type(value: Value) -> str:
    """The TypeScript type of a tool's property; ``any`` for whatever is not one."""
    if type(value) is not Record or value.type is not PROPERTY:
        return "any"
    any_of, names = value.values.get("AnyOf"), value.values.get("Type")
    if isinstance(any_of, list) and any_of:
        return " | ".join([typescript_type(one) for one in any_of])
    if isinstance(names, list) and names:
        return " | ".join([_TYPESCRIPT.get(name, "any") for name in names])
    return "any"


# --- plain JSON -------------------------------------------------------------------------------------------------------


def _from_json(value: object, charge: Charge, depth: int = 0) -> Value:
    """JSON as Go decodes it, but integers of 64 bits stay integers and keep their digits.

    Larger ones become floats, and types that JSON does not have are dropped.
    """
    if value is None or type(value) in (str, bool, float):
        return value
    if isinstance(value, int):
        if INT_MIN <= value <= UINT_MAX:
            return int(value)
        return float(value) if abs(value) < 2**1023 else math.inf
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        charge(len(value))
        return {str(key): _from_json(one, charge, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple):
        charge(len(value))
        return [_from_json(one, charge, depth + 1) for one in value]
    return None


def _role(value: object) -> str:
    name = _text(value).lower()
    return ROLES.get(name, name)


def _text(value: object) -> str:
    return value if type(value) is str else ""


def _index(value: object, default: int) -> int:
    return value if type(value) is int else default


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
