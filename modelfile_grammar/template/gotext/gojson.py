"""``json``: values as Go encodes them, keys ascending, ``< > &`` escaped, floats in plain decimal."""

from __future__ import annotations

import re
from json.encoder import encode_basestring

from ..errors import CallError
from ..values import NO_VALUE, Byte, FieldType, Record, TypeNames, Value, is_list, is_map, is_text, sorted_keys
from .numbers import plain, scientific, shortest_digits
from .quoting import join_bytes

MAX_NESTING = 200
"""Levels of lists and maps inside each other that a value may have when it is printed."""

_ESCAPED = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def to_json(value: Value, depth: int = 0) -> str:
    """Compact JSON.

    Raises:
        CallError: nested too deeply, or a value of a type no template has.
    """
    if depth > MAX_NESTING:
        raise CallError(f"value is nested more than {MAX_NESTING} levels deep")
    if is_text(value):
        return quote_json(value)
    if value is None or value is NO_VALUE:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if type(value) is int or type(value) is Byte:
        return int.__repr__(value)
    if type(value) is float:
        return _float(value)
    if type(value) is TypeNames and len(value) == 1:
        return to_json(value[0], depth + 1)
    if is_list(value):
        return "[" + ",".join([to_json(one, depth + 1) for one in value]) + "]"
    if is_map(value):
        pairs = [f"{quote_json(key)}:{to_json(value[key], depth + 1)}" for key in sorted_keys(value)]
        return "{" + ",".join(pairs) + "}"
    if type(value) is Record:
        return _record(value, depth)
    raise CallError("value is of a type that templates do not know")


def quote_json(text: str) -> str:
    """A JSON string literal."""
    quoted: str = encode_basestring(text)
    if not _ESCAPED.search(quoted):
        return quoted
    return _ESCAPED.sub(_escape, join_bytes(quoted))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


def _float(value: float) -> str:
    if value != value or abs(value) == float("inf"):
        raise CallError("json: unsupported value")
    digits, point = shortest_digits(value)
    sign = "-" if str(value).startswith("-") else ""
    if value and not 1e-6 <= abs(value) < 1e21:
        text = scientific(digits, point - 1)
        return sign + (text[:-2] + text[-1] if text[-4:-1] == "e-0" else text)
    return sign + plain(digits, point)


def _record(record: Record, depth: int) -> str:
    pairs = []
    for field in record.type.fields:
        value = record.values.get(field.name)
        if field.omit_empty and _is_empty(value):
            continue
        pairs.append(f'"{field.json_name or field.name}":{_field(field, value, depth)}')
    return "{" + ",".join(pairs) + "}"


def _field(field: FieldType, value: Value, depth: int) -> str:
    return "null" if field.null_if_empty and not value else to_json(value, depth + 1)


def _is_empty(value: Value) -> bool:
    return value is None or (type(value) is not Record and not value)
