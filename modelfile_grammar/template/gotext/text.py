"""How values print: ``{{ value }}``, ``print`` and the ``%v`` of ``printf``."""

from __future__ import annotations

from ..errors import CallError
from ..values import (
    NO_VALUE,
    Byte,
    Charge,
    Record,
    Shown,
    ShownList,
    TemplateText,
    TypeNames,
    Value,
    is_list,
    is_map,
    is_text,
    sorted_keys,
)
from .gojson import MAX_NESTING, to_json
from .numbers import format_general

TRUE, FALSE = TemplateText("true"), TemplateText("false")
"""Nobody can write anything into them from outside."""


def text_of(value: Value, charge: Charge) -> str:
    """The text an action prints."""
    if is_text(value):
        return value
    if value is None or value is NO_VALUE:
        return "<no value>"
    return nested_text(value, charge)


def nested_text(value: Value, charge: Charge, depth: int = 0) -> str:
    """The text of a value inside another one, or of a function's argument: nil is ``<nil>`` there.

    Raises:
        CallError: nested too deeply, or a value of a type no template has.
    """
    if depth > MAX_NESTING:
        raise CallError(f"value is nested more than {MAX_NESTING} levels deep")
    own = own_text(value, charge)
    if own is not None:
        return own
    if is_list(value):
        charge(len(value) << 3)
        return "[" + " ".join([nested_text(one, charge, depth + 1) for one in value]) + "]"
    if is_map(value):
        keys = sorted_keys(value, charge)
        pairs = [f"{key}:{nested_text(value[key], charge, depth + 1)}" for key in keys]
        return "map[" + " ".join(pairs) + "]"
    if type(value) is Record:
        fields = [nested_text(value.values.get(field.name), charge, depth + 1) for field in value.type.fields]
        return "{" + " ".join(fields) + "}"
    raise CallError("value is of a type that templates do not know")


def own_text(value: Value, charge: Charge) -> str | None:
    """The text of a plain value, or of one that has a text form of its own; nothing for the rest."""
    if is_text(value):
        return value
    if value is True or value is False:
        return TRUE if value else FALSE
    if type(value) is int or type(value) is Byte:
        return int.__repr__(value)
    if type(value) is float:
        return format_general(value)
    if value is None or value is NO_VALUE:
        return "<nil>"
    if type(value) is Shown or type(value) is ShownList:
        return to_json(value, charge)
    if type(value) is TypeNames and len(value) == 1:
        return nested_text(value[0], charge)
    if type(value) is Record and value.type.shown:
        return value.type.shown(value, charge)
    return None


def join_arguments(arguments: list[Value], charge: Charge) -> list[str]:
    """The pieces ``print`` writes: a blank goes between two operands when neither is a string."""
    pieces: list[str] = []
    was_string = True
    for argument in arguments:
        is_string = is_text(argument)
        if not (is_string or was_string):
            pieces.append(" ")
        pieces.append(nested_text(argument, charge))
        was_string = is_string
    return pieces
