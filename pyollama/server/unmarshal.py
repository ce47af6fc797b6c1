"""JSON as Go reads it into a struct.

Keys match without regard to letter case where no exact key exists, ``null`` is absent at any depth, and a wrong type is
told in the words that clients of Ollama know. What is more than Go accepts is listed in docs/reference/api.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from pyollama.errors import BadRequest
from pyollama.wire import chat, ollama

T = TypeVar("T")
Reread = Callable[[str], Any]  # a JSON value inside a text, at most as deep as a body may be. BadRequest

_LEAST_INT, _MOST_INT = -(1 << 63), (1 << 63) - 1
_MOST_UINT = (1 << 64) - 1
_PACKAGE = "api."
_STRUCTS: dict[type, str] = {  # Go's names where ours differ
    ollama.EmbeddingsRequest: "EmbeddingRequest",
    ollama.TransferRequest: "PullRequest",
    chat.Message: "Alias",
    chat.ToolParameters: "ToolFunctionParameters",
    chat.CalledFunction: "ToolCallFunction",
}
_FIELDS = {
    (ollama.ChatRequest, "tools"): "api.Tools",
    (ollama.GenerateRequest, "images"): "[]api.ImageData",
    (chat.Message, "images"): "[]api.ImageData",
    (chat.CalledFunction, "arguments"): "api.ToolCallFunctionArguments",
}


class HugeNumber:
    """A number that no float can hold. Decoders make it with ``float_hook``, so that its field can be named."""

    def __init__(self, digits: str) -> None:
        self.digits = digits


def number(digits: str) -> float | HugeNumber:
    """For ``float_hook``: a number with a point or an exponent."""
    value = float(digits)
    return HugeNumber(digits) if math.isinf(value) else value


def unmarshal(value: Any, kind: type[T], reread: Reread, root: type | None = None, path: tuple[str, ...] = ()) -> T:
    """A JSON value as ``kind``, which may be a struct, a list of structs, and so on.

    Args:
        reread: reads a text that holds JSON.
        root: the request's struct, when ``kind`` is part of one.
        path: the names of the fields that lead to that part.

    Raises:
        BadRequest: a type is wrong. The first one in the order of the text is told.
    """
    reader = _Reader(_name(root or kind), reread)
    found = reader.read(value, inspect.type_info(kind), path)
    return msgspec.convert(found, kind)


class _Reader:
    """Gives a value the form that msgspec's own conversion takes."""

    def __init__(self, root: str, reread: Reread) -> None:
        self._root = root
        self._reread = reread

    def read(self, value: Any, kind: inspect.Type, path: tuple[str, ...], go_type: str = "") -> Any:
        """``go_type``: what Go calls the type, if it is not the name that follows from ``kind``."""
        kind = _of_form(value, kind)
        go_type = go_type or _go_type(kind)
        match kind:
            case inspect.AnyType():
                return self._free(value, path)
            case inspect.StructType():
                return self._struct(value, kind, path, go_type)
            case inspect.ListType(item_type=item):
                if not isinstance(value, list):
                    raise self._wrong(value, path, go_type)
                return [self._item(one, item, path) for one in value]
            case inspect.DictType(value_type=item):
                if not isinstance(value, dict):
                    raise self._wrong(value, path, go_type)
                return {name: self._item(one, item, path) for name, one in value.items()}
            case inspect.IntType():
                if isinstance(value, bool) or not isinstance(value, int) or not _LEAST_INT <= value <= _MOST_INT:
                    raise self._wrong(value, path, go_type)
            case inspect.StrType():
                if not isinstance(value, str):
                    raise self._wrong(value, path, go_type)
            case inspect.BoolType():
                if not isinstance(value, bool):
                    raise self._wrong(value, path, go_type)
        return value

    def _item(self, value: Any, kind: inspect.Type, path: tuple[str, ...]) -> Any:
        """An element of a list or a map; null is the empty one."""
        if value is None and not isinstance(kind, inspect.AnyType):
            return _empty(_of_form(value, kind))
        return self.read(value, kind, path)

    def _struct(self, value: Any, kind: inspect.StructType, path: tuple[str, ...], go_type: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(value, path, go_type)
        found: dict[str, Any] = {}
        fields = fields_of(kind.cls)
        for key, one in value.items():
            name = field_name(kind.cls, key)
            if one is None or name is None or (name != key and name in value):
                continue
            if isinstance(fields[name], inspect.RawType):
                continue  # the caller has it as it was written
            inner = (*path, name)
            if name == "arguments" and isinstance(one, str):
                one = self._arguments(one, inner)
            elif name == "properties" and one == []:
                one = {}
            found[name] = self.read(one, fields[name], inner, _FIELDS.get((kind.cls, name), ""))
        return found

    def _arguments(self, text: str, path: tuple[str, ...]) -> dict[str, Any]:
        """Arguments of a call that come as the text of a JSON object."""
        try:
            value = self._reread(text)
        except BadRequest:
            value = text
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self._wrong(text, path, "map[string]interface {}")
        return value

    def _free(self, value: Any, path: tuple[str, ...]) -> Any:
        """A value of any form. Whole numbers beyond 64 bits become floats, as in Go."""
        match value:
            case dict():
                return {name: self._free(one, path) for name, one in value.items()}
            case list():
                return [self._free(one, path) for one in value]
            case HugeNumber():
                raise self._wrong(value, path, "float64")
            case int() if not _LEAST_INT <= value <= _MOST_UINT:
                try:
                    return float(value)
                except OverflowError:
                    raise self._wrong(HugeNumber(str(value)), path, "float64") from None
        return value

    def _wrong(self, value: Any, path: tuple[str, ...], go_type: str) -> BadRequest:
        where = f"Go struct field {self._root}.{'.'.join(path)} of type" if path else "Go value of type"
        return BadRequest(f"json: cannot unmarshal {_form(value, go_type)} into {where} {go_type}")


@cache
def fields_of(struct: type) -> dict[str, inspect.Type]:
    """The fields of a struct by their names in JSON."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: field.type for field in info.fields}


@cache
def _folded(struct: type) -> dict[str, str]:
    return {name.casefold(): name for name in fields_of(struct)}


def field_name(struct: type, key: str) -> str | None:
    """The field that a key means, in whatever case it is written."""
    return key if key in fields_of(struct) else _folded(struct).get(key.casefold())


def _of_form(value: Any, kind: inspect.Type) -> inspect.Type:
    """The member of a union that the value could be; its first one if there is none."""
    if not isinstance(kind, inspect.UnionType):
        return kind
    members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
    forms: dict[type, tuple[type, ...]] = {
        str: (inspect.StrType,),
        bool: (inspect.BoolType,),
        list: (inspect.ListType,),
        dict: (inspect.DictType, inspect.StructType),
    }
    wanted = forms.get(type(value), ())
    return next((member for member in members if isinstance(member, wanted)), members[0])


def _empty(kind: inspect.Type) -> Any:
    match kind:
        case inspect.StrType():
            return ""
        case inspect.IntType():
            return 0
        case inspect.BoolType():
            return False
        case inspect.ListType():
            return []
    return {}


def _form(value: Any, go_type: str) -> str:
    match value:
        case bool():
            return "bool"
        case HugeNumber():
            return f"number {value.digits}"
        case int() | float():
            return f"number {value}" if go_type == "int" else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _go_type(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType():
            return _PACKAGE + _name(kind.cls)
        case inspect.ListType(item_type=item):
            message = isinstance(item, inspect.StructType) and item.cls is chat.Message
            return "[]" + (_PACKAGE + "Message" if message else _go_type(_of_form(None, item)))
        case inspect.DictType(value_type=item):
            return "map[string]" + _go_type(_of_form(None, item))
        case inspect.IntType():
            return "int"
        case inspect.StrType():
            return "string"
        case inspect.BoolType():
            return "bool"
    return "interface {}"


def _name(struct: type) -> str:
    return _STRUCTS.get(struct, struct.__name__)
