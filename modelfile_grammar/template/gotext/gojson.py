"""``json``: values as Go encodes them, keys ascending, ``< > &`` escaped, floats in plain decimal."""

from __future__ import annotations

import re
from json.encoder import encode_basestring

from ..errors import CallError
from ..values import NO_VALUE, Byte, Charge, FieldType, Record, TypeNames, Value, is_list, is_map, is_text, sorted_keys
from .numbers import plain, scientific, shortest_digits
from .quoting import AT_ONCE, has_stray_bytes, in_pieces, join_bytes

MAX_NESTING = 200
"""Levels of lists and maps inside each other that a value may have when it is printed."""

_ESCAPES = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
_LONE = re.compile("[\ud800-\udfff]")


def to_json(value: Value, charge: Charge, depth: int = 0) -> str:
    """Compact JSON.

    Raises:
        CallError: nested too deeply, or a value of a type no template has.
    """
    if depth > MAX_NESTING:
        raise CallError(f"value is nested more than {MAX_NESTING} levels deep")
    if is_text(value):
        return quote_json(value, charge)
    if value is None or value is NO_VALUE:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int or type(value) is Byte:
        return int.__repr__(value)
    if type(value) is float:
        return _float(value)
    if type(value) is TypeNames and len(value) == 1:
        return to_json(value[0], charge, depth + 1)
    if is_list(value):
        charge(len(value) << 3)
        return "[" + ",".join([to_json(one, charge, depth + 1) for one in value]) + "]"
    if is_map(value):
        keys = sorted_keys(value, charge)
        pairs = [f"{quote_json(key, charge)}:{to_json(value[key], charge, depth + 1)}" for key in keys]
        return "{" + ",".join(pairs) + "}"
    if type(value) is Record:
        return _record(value, charge, depth)
    raise CallError("value is of a type that templates do not know")


def quote_json(text: str, charge: Charge) -> str:
    """A JSON string literal."""
    if len(text) <= AT_ONCE:
        return _quoted(join_bytes(text))
    charge(len(text))
    inside = [_quoted(piece)[1:-1] for piece in in_pieces(join_bytes(text))]
    return f'"{"".join(inside)}"'


def _quoted(text: str) -> str:
    quoted: str = encode_basestring(text)
    for character, escape in _ESCAPES.items():
        quoted = quoted.replace(character, escape)
    return _LONE.sub("\\\\ufffd", quoted) if has_stray_bytes(quoted) else quoted


def _float(value: float) -> str:
    if value != value or abs(value) == float("inf"):
        raise CallError("json: unsupported value")
    digits, point = shortest_digits(value)
    sign = "-" if str(value).startswith("-") else ""
    if value and not 1e-6 <= abs(value) < 1e21:
        text = scientific(digits, point - 1)
        return sign + (text[:-2] + text[-1] if text[-4:-1] == "e-0" else text)
    return sign + plain(digits, point)


def _record(record: Record, charge: Charge, depth: int) -> str:
    pairs = []
    for field in record.type.fields:
        value = record.values.get(field.name)
        if field.omit_empty and _is_empty(value):
            continue
        pairs.append(f'"{field.json_name or field.name}":{_field(field, value, charge, depth)}')
    return "{" + ",".join(pairs) + "}"


def _field(field: FieldType, value: Value, charge: Charge, depth: int) -> str:
    return "null" if field.null_if_empty and not value else to_json(value, charge, depth + 1)


def _is_empty(value: Value) -> bool:
    return value is None or (type(value) is not Record and not value)
