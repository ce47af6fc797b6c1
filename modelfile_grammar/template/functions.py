"""The functions a template may call. ``and`` and ``or`` are in expressions.py, because they do not evaluate all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from types import MappingProxyType

from .compare import equal, less, less_or_equal
from .errors import CallError
from .gotext.escape import escape_html, escape_js, escape_query
from .gotext.gojson import to_json
from .gotext.printf import printf
from .gotext.quoting import in_pieces, to_bytes
from .gotext.text import join_arguments
from .gotext.verbs import bytes_of
from .machine import Machine
from .provenance import woven
from .records import typescript_type
from .values import Byte, Value, is_list, is_map, is_text, truth, type_name


@dataclass(frozen=True, slots=True)
class FunctionType:
    """How many arguments a function takes, and what it does with them; ``most`` None means any number."""

    least: int
    most: int | None
    call: Callable[[Machine, list[Value]], Value]


def _length(machine: Machine, arguments: list[Value]) -> Value:
    (value,) = arguments
    if is_list(value) or is_map(value):
        return len(value)
    if is_text(value):
        return _length_of_text(machine, value)
    raise CallError("len of nil pointer" if value is None else f"len of type {type_name(value)}")


def _length_of_text(machine: Machine, value: str) -> int:
    """In bytes."""
    if value.isascii():
        return len(value)
    machine.charge(len(value) >> 4)
    return len(to_bytes(value))


def _index(machine: Machine, arguments: list[Value]) -> Value:
    value, *indexes = arguments
    if value is None:
        raise CallError("index of untyped nil")
    for index in indexes:
        value = _element(machine, value, index)
    return value


def _element(machine: Machine, value: Value, index: Value) -> Value:
    if value is None:
        raise CallError("index of nil pointer")
    if is_text(value):
        data = to_bytes(value)
        machine.charge(len(data) >> 4)
        position = _position(index, len(data))
        if position == len(data):
            raise CallError("reflect: string index out of range")
        return Byte(data[position])
    if is_list(value):
        position = _position(index, len(value))
        if position == len(value):
            raise CallError("reflect: slice index out of range")
        return value[position]
    if is_map(value):
        if index is None:
            raise CallError("value is nil; should be of type string")
        if not is_text(index):
            raise CallError(f"value has type {type_name(index)}; should be string")
        return value.get(index)
    raise CallError(f"can't index item of type {type_name(value)}")


def _position(index: Value, length: int) -> int:
    if index is None:
        raise CallError("cannot index slice/array with nil")
    if type(index) is not int and type(index) is not Byte:
        raise CallError(f"cannot index slice/array with type {type_name(index)}")
    if not 0 <= index <= length:
        raise CallError(f"index out of range: {index}")
    return int(index)


def _slice(machine: Machine, arguments: list[Value]) -> Value:
    value, *indexes = arguments
    if value is None:
        raise CallError("slice of untyped nil")
    if len(indexes) > 3:
        raise CallError(f"too many slice indexes: {len(indexes)}")
    if is_list(value):
        length = len(value)
    elif not is_text(value):
        raise CallError(f"can't slice item of type {type_name(value)}")
    elif len(indexes) == 3:
        raise CallError("cannot 3-index slice a string")
    else:
        length = _length_of_text(machine, value)
    bounds = [_position(index, length) for index in indexes]
    for low, high in pairwise(bounds):
        if low > high:
            raise CallError(f"invalid slice index: {low} > {high}")
    start, end = [*bounds, *(0, length)[len(bounds) :]][:2]
    machine.charge((end - start) >> 3)
    return bytes_of(value, start, end) if is_text(value) else value[start:end]


def _joined(machine: Machine, pieces: list[str]) -> str:
    for piece in pieces:
        machine.charge(len(piece))
    return woven(pieces)


def _print(machine: Machine, arguments: list[Value]) -> Value:
    return _joined(machine, join_arguments(arguments, machine.charge))


def _println(machine: Machine, arguments: list[Value]) -> Value:
    pieces = [piece for argument in arguments for piece in (*join_arguments([argument], machine.charge), " ")]
    return _joined(machine, [*pieces[:-1], "\n"])


def _printf(machine: Machine, arguments: list[Value]) -> Value:
    template, *rest = arguments
    assert isinstance(template, str)  # checked by the caller, before the other arguments are evaluated
    return woven(printf(template, rest, machine.charge))


def _escaper(escape: Callable[[str], str]) -> Callable[[Machine, list[Value]], Value]:
    def call(machine: Machine, arguments: list[Value]) -> Value:
        shown: list[Value] = ["<no value>" if argument is None else argument for argument in arguments]
        text = _joined(machine, join_arguments(shown, machine.charge))
        pieces = []
        for piece in in_pieces(text):
            pieces.append(escape(piece))
            machine.charge(len(pieces[-1]))
        return "".join(pieces)

    return call


def _json(machine: Machine, arguments: list[Value]) -> Value:
    return to_json(arguments[0], machine.charge)


def _equals(machine: Machine, arguments: list[Value]) -> bool:
    first, *others = arguments
    if is_text(first) and len(first) > 4096:
        machine.charge((len(first) >> 6) * len(others))
    return equal(first, others)


def _today(machine: Machine, arguments: list[Value]) -> Value:
    return (machine.today or date.today()).isoformat()


def _yesterday(machine: Machine, arguments: list[Value]) -> Value:
    return ((machine.today or date.today()) - timedelta(days=1)).isoformat()


def _call(machine: Machine, arguments: list[Value]) -> Value:
    raise CallError("call of nil" if arguments[0] is None else f"non-function of type {type_name(arguments[0])}")


FUNCTIONS: Mapping[str, FunctionType] = MappingProxyType(
    {
        "and": FunctionType(1, None, lambda m, a: None),
        "or": FunctionType(1, None, lambda m, a: None),
        "not": FunctionType(1, 1, lambda m, a: not truth(a[0])),
        "eq": FunctionType(1, None, _equals),
        "ne": FunctionType(2, 2, lambda m, a: not _equals(m, a)),
        "lt": FunctionType(2, 2, lambda m, a: less(a[0], a[1])),
        "le": FunctionType(2, 2, lambda m, a: less_or_equal(a[0], a[1])),
        "gt": FunctionType(2, 2, lambda m, a: not less_or_equal(a[0], a[1])),
        "ge": FunctionType(2, 2, lambda m, a: not less(a[0], a[1])),
        "len": FunctionType(1, 1, _length),
        "index": FunctionType(1, None, _index),
        "slice": FunctionType(1, None, _slice),
        "print": FunctionType(0, None, _print),
        "println": FunctionType(0, None, _println),
        "printf": FunctionType(1, None, _printf),
        "html": FunctionType(0, None, _escaper(escape_html)),
        "js": FunctionType(0, None, _escaper(escape_js)),
        "urlquery": FunctionType(0, None, _escaper(escape_query)),
        "call": FunctionType(1, None, _call),
        "json": FunctionType(1, 1, _json),
        "currentDate": FunctionType(0, None, _today),
        "yesterdayDate": FunctionType(0, None, _yesterday),
        "toTypeScriptType": FunctionType(1, 1, lambda m, a: typescript_type(a[0])),
    }
)
"""By name. The arguments a function gets are never NO_VALUE: that became None on the way."""
