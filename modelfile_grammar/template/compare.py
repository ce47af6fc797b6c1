"""``eq ne lt le gt ge``: only values of the same basic kind compare."""

from __future__ import annotations

from .errors import CallError
from .gotext.quoting import to_bytes
from .syntax.nodes import Constant
from .values import NO_VALUE, Byte, MixedText, TemplateText, Value, is_list, is_map, is_text, type_name

_KINDS: dict[type, str] = {
    str: "string",
    TemplateText: "string",
    MixedText: "string",
    bool: "bool",
    int: "int",
    Byte: "int",
    float: "float",
}


def types_like(constant: Constant) -> frozenset[type]:
    """The types of the values that compare with a constant."""
    return frozenset(one for one, kind in _KINDS.items() if kind == _KINDS[type(constant)])


def equal(first: Value, others: list[Value]) -> bool:
    """Whether the first equals any of the others.

    Raises:
        CallError: nothing to compare with, or values that do not compare.
    """
    if not others:
        raise CallError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(a: Value, b: Value) -> bool:
    kind, other = _KINDS.get(type(a)), _KINDS.get(type(b))
    if kind is not None and kind == other:
        return a == b
    nothing = a is None or a is NO_VALUE, b is None or b is NO_VALUE
    if any(nothing):
        return all(nothing)
    if kind is not None or other is not None:
        raise CallError(f"incompatible types for comparison: {type_name(a)} and {type_name(b)}")
    if is_list(a) != is_list(b) or is_map(a) != is_map(b):
        raise CallError(f"non-comparable types {type_name(a)} and {type_name(b)}")
    raise CallError(f"non-comparable type {type_name(b)}")


def less(a: Value, b: Value) -> bool:
    """Whether ``a`` sorts before ``b``; strings by their bytes."""
    kind, other = _KINDS.get(type(a)), _KINDS.get(type(b))
    if kind is None or other is None:
        raise CallError("invalid type for comparison")
    if kind != other:
        raise CallError(f"incompatible types for comparison: {type_name(a)} and {type_name(b)}")
    if kind == "bool":
        raise CallError("invalid type for comparison")
    if is_text(a) and is_text(b) and not (a.isascii() and b.isascii()):
        return to_bytes(a) < to_bytes(b)
    return bool(a < b)  # type: ignore[operator]  # both are numbers or both are strings


def less_or_equal(a: Value, b: Value) -> bool:
    return less(a, b) or _equal(a, b)
