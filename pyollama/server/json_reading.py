"""JSON text to typed values: at once when it is small, in pieces when it is large.

One call of a decoder holds the interpreter's lock until it returns, in a thread as well as in the event loop. So a
large body is looked at without the lock first (``native._json``), and then decoded in pieces that take less than a
millisecond each: long strings and the elements of long lists apart from everything else.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from pyollama.errors import BadRequest, MissingBody, TruncatedJson
from pyollama.native import _json
from pyollama.server.unmarshal import field_name, fields_of, number, unmarshal
from pyollama.store.models import MAX_DEPTH  # of lists and objects in each other

T = TypeVar("T", bound=msgspec.Struct)
Span = tuple[int, int]
Data = bytes | bytearray

MAX_VALUES = 4_000_000  # of one body; they take about 80 bytes each
MAX_PIECE_VALUES = 50_000  # in one message, one tool, or outside of all lists
MAX_PIECE_BYTES = 4 << 20  # of the same, without long strings
LONG_STRING = 64 << 10  # bytes

_free_decoder = msgspec.json.Decoder(float_hook=number)


def read_json(data: Data, kind: type[T]) -> T:
    """The first value in ``data`` as a struct; null is an empty one. Keeps the interpreter's lock as long as it takes.

    Raises:
        MissingBody, TruncatedJson: there is no value, or only the beginning of one.
        BadRequest: it is malformed, too deep, or a type is wrong.
    """
    data, seen = _look(data)
    made: T = _decoded(_between(data, 0, seen.end), kind, seen)
    return made


def read_large_json(data: Data, kind: type[T], abandoned: Callable[[], bool]) -> T:
    """The same with other threads running meanwhile.

    ``abandoned``: whether nobody wants the result any more; then what is returned is not complete.
    """
    data, seen = _look(data)
    pieces = _Pieces(data, seen)
    lists = {name: batches for name, batches in map(partial(_of_field, data, kind), seen.arrays) if name}
    n_in_lists = sum(batch[2] for _, _, batches in seen.arrays for batch in batches)
    if seen.values - n_in_lists > MAX_PIECE_VALUES:
        raise _too_many(MAX_PIECE_VALUES)
    head = pieces.text(0, seen.end, [span for _, span, _ in seen.arrays])
    made: T = pieces.filled(_decoded(head, kind, seen, reread=pieces.reread))
    for name, batches in lists.items():
        found: list[Any] = []
        for batch in batches:
            if abandoned():
                return made
            found += _elements(pieces, batch, kind, name, seen)
        setattr(made, _attribute(kind, name), found)
    return made


def _look(data: Data) -> tuple[Data, _json.Scan]:
    """What ``data`` is like, without what is no character."""
    seen = _json.scan(data, LONG_STRING, MAX_DEPTH, MAX_VALUES)
    if seen.error is None and not seen.is_clean:
        data = _json.cleaned(data, seen.end)
        seen = _json.scan(data, LONG_STRING, MAX_DEPTH, MAX_VALUES)
    match seen.error:
        case None:
            return data, seen
        case "unexpected EOF":
            raise TruncatedJson if seen.values else MissingBody
        case "too many values":
            raise _too_many(MAX_VALUES)
    raise BadRequest(seen.error)


def _too_large() -> BadRequest:
    return BadRequest(f"JSON with more than {MAX_PIECE_BYTES} bytes in one place is not accepted")


def _too_many(limit: int) -> BadRequest:
    return BadRequest(f"JSON with more than {limit} values in one place is not accepted")


# --- one piece --------------------------------------------------------------------------------------------------------


def _decoded(
    text: Data | memoryview,
    kind: Any,
    seen: _json.Scan,
    *,
    reread: Callable[[str], Any] | None = None,
    root: type | None = None,
    path: tuple[str, ...] = (),
) -> Any:
    """By msgspec alone if it reads this as Go does, else by way of plain values."""
    if not seen.has_capitals and not seen.has_long_numbers:
        try:
            value = msgspec.json.decode(text, type=kind | None)
            return _empty(kind) if value is None else value
        except msgspec.MsgspecError:
            pass  # the other way has the words for it, or takes it
    plain = _plain(text)
    if plain is None:
        return _empty(kind)
    made = unmarshal(plain, kind, reread or _reread, root, path)
    for name, raw in _raw_fields(text, kind).items():
        setattr(made, name, raw)
    return made


def _empty(kind: Any) -> Any:
    return kind() if isinstance(kind, type) else []


def _raw_fields(text: Data | memoryview, kind: Any) -> dict[str, msgspec.Raw]:
    """The fields that are kept as written."""
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return {}
    names = {name for name, type_ in fields_of(kind).items() if isinstance(type_, inspect.RawType)}
    if not names:
        return {}
    members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    found = {field_name(kind, key): raw for key, raw in members.items() if key not in names}
    found |= {key: raw for key, raw in members.items() if key in names}
    return {name: msgspec.Raw(bytes(found[name])) for name in names if name in found}


def _plain(text: Data | memoryview) -> Any:
    """As dictionaries, lists and so on. BadRequest: a number has thousands of digits."""
    try:
        return _free_decoder.decode(text)
    except msgspec.ValidationError:
        raise BadRequest("json: cannot unmarshal number into Go value of type float64") from None


def _reread(text: str) -> Any:
    """A value inside a text. BadRequest; None if there is none."""
    if len(text) > MAX_PIECE_BYTES:
        raise _too_large()
    given = text.encode()
    if not given.strip():
        return None
    data, seen = _look(given)
    return _plain(_between(data, 0, seen.end))


def _between(data: Data, start: int, end: int) -> memoryview:
    return memoryview(data)[start:end]


# --- many pieces ------------------------------------------------------------------------------------------------------

Batch = tuple[int, int, int]


def _of_field(data: Data, kind: type, array: tuple[Span, Span, Sequence[Batch]]) -> tuple[str | None, Sequence[Batch]]:
    """The field that a long list belongs to, and its batches. None: a list is wrong there, or nobody reads it."""
    key, _, batches = array
    name = field_name(kind, _json.text(data, *key))
    return (name if name and _element_type(kind, name) is not None else None), batches


def _element_type(kind: type, name: str) -> inspect.Type | None:
    """What a field's list consists of."""
    field = fields_of(kind)[name]
    members = field.types if isinstance(field, inspect.UnionType) else (field,)
    for member in members:
        if isinstance(member, inspect.ListType):
            return member.item_type
        if isinstance(member, inspect.AnyType):
            return member
    return None


def _elements(pieces: _Pieces, batch: Batch, kind: type, name: str, seen: _json.Scan) -> list[Any]:
    start, end, n_values = batch
    if n_values > MAX_PIECE_VALUES:
        raise _too_many(MAX_PIECE_VALUES)
    text = b"[" + pieces.text(start, end) + b"]"
    made = _decoded(text, _list_of(kind, name), seen, reread=pieces.reread, root=kind, path=(name,))
    return pieces.filled(made) if pieces.has_long(start, end) else made  # type: ignore[no-any-return]


def _list_of(kind: type, name: str) -> Any:
    element = _element_type(kind, name)
    match element:
        case inspect.StructType():
            return list[element.cls]  # type: ignore[name-defined]
        case inspect.StrType():
            return list[str]
        case inspect.IntType():
            return list[int]
    return list[Any]


def _attribute(kind: type, name: str) -> str:
    """The attribute of a struct that a name in JSON stands for."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return next(field.name for field in info.fields if field.encode_name == name)


class _Pieces:
    """Parts of a body with a short mark in place of each long string."""

    def __init__(self, data: Data, seen: _json.Scan) -> None:
        self._data = data
        self._long = seen.long_strings
        self._starts = [start for start, _ in self._long]
        self._mark = f"\0{secrets.token_hex(8)}:"  # nobody can guess it

    def text(self, start: int, end: int, lists: Sequence[Span] = ()) -> bytes:
        """The JSON between two positions, with empty ones in place of the lists."""
        holes = [(where, b"[]") for where in lists]
        outside = self._between(start, end)
        holes += [
            (self._long[i], self._escaped(i))
            for i in outside
            if not any(first <= self._starts[i] < last for first, last in lists)
        ]
        parts: list[Span | bytes] = []
        size = 0
        for (first, last), instead in (*sorted(holes), ((end, end), b"")):
            parts += ((start, first), instead)
            size += first - start + len(instead)
            start = last
        if size > MAX_PIECE_BYTES:
            raise _too_large()
        return b"".join(one if isinstance(one, bytes) else self._data[slice(*one)] for one in parts)

    def has_long(self, start: int, end: int) -> bool:
        return len(self._between(start, end)) > 0

    def filled(self, value: Any) -> Any:
        """A value with the long strings in place of their marks."""
        match value:
            case str() if value.startswith(self._mark):
                return _json.text(self._data, *self._long[int(value[len(self._mark) :])])
            case list():
                return [self.filled(one) for one in value]
            case dict():
                return {name: self.filled(one) for name, one in value.items()}
            case msgspec.Struct():
                for name in value.__struct_fields__:
                    setattr(value, name, self.filled(getattr(value, name)))
            case msgspec.Raw():
                return msgspec.Raw(self._raw(bytes(value)))
        return value

    def reread(self, text: str) -> Any:
        """A value inside a text, which may be a mark."""
        return _reread(self.filled(text))

    def _between(self, start: int, end: int) -> range:
        return range(bisect_left(self._starts, start), bisect_left(self._starts, end))

    def _escaped(self, i: int) -> bytes:
        return msgspec.json.encode(f"{self._mark}{i}")[1:-1]

    def _raw(self, text: bytes) -> bytes:
        """JSON as it was written."""
        if self._escaped(0)[:-1] not in text:
            return text
        inside = [i for i in range(len(self._long)) if self._escaped(i) + b'"' in text]
        if sum(last - first for first, last in map(self._long.__getitem__, inside)) > MAX_PIECE_BYTES:
            raise _too_large()
        for i in inside:
            text = text.replace(self._escaped(i) + b'"', bytes(self._data[slice(*self._long[i])]) + b'"')
        return text
