"""What a template can hold: str, int, float, bool, None, list, dict, and records; nothing else.

Only these exact types are ever looked into, and only by index, key or declared field. No Python attribute of any
object can be reached from a template. Text has two types more, which say that the template wrote it: see provenance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import TypeGuard

Value = object
"""One of the types above; the engine checks by type, so nothing narrower would say more."""

Charge = Callable[[int], None]
"""Told of characters before they are made or looked through; it raises when there were too many."""


class TemplateText(str):
    """Text that the template wrote, so that special tokens in it count."""

    __slots__ = ()


class MixedText(str):
    """Text that was put together of both kinds: template text, and plain text from outside."""

    pieces: tuple[str, ...]
    """Of type TemplateText or str, and no two neighbours of one kind."""

    def __new__(cls, pieces: tuple[str, ...]) -> MixedText:
        text = super().__new__(cls, "".join(pieces))
        text.pieces = pieces
        return text


class Byte(int):
    """What indexing a string gives."""

    __slots__ = ()


class _NoValue:
    """The absence of a value, which unlike a nil entry of a map has every field: itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_VALUE"


NO_VALUE = _NoValue()


@dataclass(frozen=True, slots=True)
class FieldType:
    """A field of a record: its name in templates and in JSON."""

    name: str
    json_name: str = ""
    """Empty: the name itself."""

    omit_empty: bool = False
    null_if_empty: bool = False
    """An empty list prints as ``null`` in JSON, as a list that was never made does in Go."""


@dataclass(frozen=True, slots=True)
class RecordType:
    """A type with a fixed set of fields, always true. ``shown`` is its own text form, if it has one."""

    name: str
    """As errors call it."""

    fields: tuple[FieldType, ...]
    shown: Callable[[Record, Charge], str] | None = None


class Record:
    """One value of a record type."""

    __slots__ = ("type", "values")

    def __init__(self, type: RecordType, values: Mapping[str, Value]) -> None:
        self.type, self.values = type, values


class Shown(dict[str, Value]):
    """A map that prints as JSON: the arguments of a call, the properties of a tool."""


class ShownList(list[Value]):
    """A list that prints as JSON: the tools."""


class TypeNames(list[Value]):
    """The type of a tool's property: one name prints bare, several as a list. Equal to nothing until printed."""


_TEXTS = frozenset((str, TemplateText, MixedText))
_DICTS = frozenset((dict, Shown))
_LISTS = frozenset((list, ShownList, TypeNames))


def is_text(value: Value) -> TypeGuard[str]:
    return type(value) in _TEXTS


def is_map(value: Value) -> TypeGuard[Mapping[str, Value]]:
    return type(value) in _DICTS


def is_list(value: Value) -> TypeGuard[list[Value]]:
    return type(value) in _LISTS


def truth(value: Value) -> bool:
    """Whether ``if`` takes its first branch: anything but the empty value of its type."""
    if type(value) is Record:
        return True
    return value is not NO_VALUE and bool(value)


_KEYS_AT_ONCE = 20_000
"""Keys that are sorted in one go: no other thread runs meanwhile."""

_TYPE_NAMES = {
    str: "string",
    TemplateText: "string",
    MixedText: "string",
    bool: "bool",
    int: "int",
    Byte: "uint8",
    float: "float64",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    Shown: "map[string]interface {}",
    ShownList: "api.Tools",
    TypeNames: "api.PropertyType",
}


def type_name(value: Value) -> str:
    """The type of a value as Go would call it; ``<nil>`` for none."""
    if type(value) is Record:
        return value.type.name
    return _TYPE_NAMES.get(type(value), "<nil>")


def sorted_keys(value: Mapping[str, Value], charge: Charge) -> Sequence[str]:
    """The keys of a map in ascending order.

    Raises:
        TypeError: a key is not a string.
    """
    charge(len(value) << 3)
    if len(value) <= _KEYS_AT_ONCE:
        return sorted(value)
    keys = iter(value)
    runs = iter(lambda: sorted(islice(keys, _KEYS_AT_ONCE)), [])
    return list(merge(*runs))
