"""Whether a JSON object or a piece of markup is a call of a tool, and with what arguments.

A call names its tool itself or follows the name. Objects are searched from the outside in: what lies within a call is
its arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from pyollama.wire.chat import Tool

Call = tuple[str, dict[str, Any]]  # name and arguments

_NAMES = ("name", "tool_name", "function", "tool")
_ARGUMENTS = ("arguments", "parameters", "args")
_OPENER = re.compile(r"""<(?:function=|function name=|invoke name=)\s*["']?([^>"'\s]+)["']?\s*>""")
_PARAMETER = re.compile(
    r"""<(parameter|param)(?:=|\s+name=)\s*["']?(?P<name>[^>"'\s]+)["']?[^>]*>(?P<value>.*?)</\1>""", re.DOTALL
)


class Tools:
    """The tools that a request offers, as far as recognising their calls goes."""

    def __init__(self, names: Sequence[str], properties: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """``properties``: of each tool's parameters, their JSON schemas."""
        self.names = frozenset(name for name in names if name)
        self._properties = properties or {}
        longest_first = sorted(self.names, key=len, reverse=True)
        any_name = "|".join(map(re.escape, longest_first)) or "(?!)"
        self._word = re.compile(rf"(?<![\w-])(?:{any_name})(?![\w-])")

    @classmethod
    def of(cls, tools: Sequence[Tool]) -> Tools:
        functions = [tool.function for tool in tools]
        properties = {
            function.name: function.parameters.properties or {} for function in functions if function.parameters
        }
        return cls([function.name for function in functions], properties)

    def called_by_object(self, text: str, before: str) -> list[Call]:
        """Calls in a JSON object: those that it names itself, else that of the last name before it."""
        value = _parse(text)
        if value is None:
            return []
        found = list(self._named_in(value))
        if not found and (name := self._last_name(before)):
            found = [(name, value)]
        return found

    def called_by_markup(self, text: str) -> list[Call]:
        """The call of ``<function=name>`` with JSON or ``<parameter=key>`` elements in it; its end may be missing."""
        opener = _OPENER.match(text)
        if opener is None or opener[1] not in self.names:
            return []
        body, _, rest = text[opener.end() :].partition("</invoke>" if text.startswith("<invoke") else "</function>")
        if body.lstrip().startswith("{"):
            value = _parse(body)
            return [] if value is None or rest else [(opener[1], value)]
        if _PARAMETER.sub("", body).strip():
            return []
        return [(opener[1], {match["name"]: self._typed(opener[1], match) for match in _PARAMETER.finditer(body)})]

    def _named_in(self, value: dict[str, Any]) -> Iterator[Call]:
        own = [(name, value[name]) for name in value if name in self.names and isinstance(value[name], dict)]
        if own and not _looks_like_call(value):
            yield from own
            return
        waiting: list[Any] = [value]
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict) and _looks_like_call(item):
                named = [item[key] for key in _NAMES if isinstance(item.get(key), str) and item[key] in self.names]
                arguments = _given(item)
                if named and arguments is not None:
                    yield named[0], arguments
            elif isinstance(item, dict | list):
                children = item.values() if isinstance(item, dict) else item
                waiting += reversed([child for child in children if isinstance(child, dict | list)])

    def _last_name(self, text: str) -> str:
        name = ""
        for match in self._word.finditer(text):
            name = match[0]
        return name

    def _typed(self, tool: str, parameter: re.Match[str]) -> Any:
        """The value of a parameter, as its schema wants it; without a schema, as JSON if it is any."""
        text = parameter["value"].removeprefix("\n").removesuffix("\n")
        schema = self._properties.get(tool, {}).get(parameter["name"])
        kinds = schema.get("type") if isinstance(schema, dict) else None
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if isinstance(kinds, list) and "string" in kinds and not ("null" in kinds and text == "null"):
            return text
        if isinstance(kinds, list) and "boolean" in kinds and text in {"True", "False"}:
            return text == "True"
        try:
            return _sound(json.loads(text, strict=False, parse_int=_integer))
        except (ValueError, RecursionError):
            return text


def parse_arguments(text: str) -> dict[str, Any]:
    """The arguments of a call that the engine has read; none if they cannot go into an answer."""
    return _parse(text) or {}


def _looks_like_call(item: dict[str, Any]) -> bool:
    return any(isinstance(item.get(key), str) for key in _NAMES) and any(key in item for key in _ARGUMENTS)


def _given(item: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call; JSON text counts as what it says, nothing as none."""
    value = next(item[key] for key in _ARGUMENTS if key in item)
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        return _parse(value)
    return value if isinstance(value, dict) else None


def _parse(text: str) -> dict[str, Any] | None:
    try:
        value = _sound(json.loads(text, strict=False, parse_int=_integer))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _integer(digits: str) -> int | float:
    """All digits of 64 bits; what is larger is a float, as in JSON at large."""
    return int(digits) if len(digits) < 21 and -(1 << 63) <= int(digits) < 1 << 64 else float(digits)


def _sound(value: Any) -> Any:
    """As an answer can carry it: half a surrogate pair has no UTF-8 and becomes U+FFFD. RecursionError."""
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return json.loads(text, strict=False, parse_int=_integer)
    return value
