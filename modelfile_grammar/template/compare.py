"""``eq ne lt le gt ge``: only values of the same basic kind compare."""

from __future__ import annotations

from .errors import CallError
from .gotext.quoting import to_bytes
from .values import NO_VALUE, Byte, Value, is_list, is_map, type_name

_KINDS: dict[type, str] = {str: "string", bool: "bool", int: "int", Byte: "int", float: "float"}


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
    if type(a) is str and type(b) is str and not (a.isascii() and b.isascii()):
        return to_bytes(a) < to_bytes(b)
    return bool(a < b)  # type: ignore[operator]  # both are numbers or both are strings


def less_or_equal(a: Value, b: Value) -> bool:
    return less(a, b) or _equal(a, b)
