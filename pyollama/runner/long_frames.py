"""Frames with much in them, encoded while they are sent: the event loop goes on between pieces."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterable, Iterator
from typing import TypeAlias, TypeVar

import msgspec
import trio

from pyollama.wire import runner as wire

MUCH = 1 << 20  # characters and bytes that take too long to encode at once
_LONG = 1 << 12  # of a part that is encoded by itself
_AT_ONCE = 1 << 17
_NUMBER = 16  # characters that take as long as one number

Part: TypeAlias = "str | bytes | list[int]"
P = TypeVar("P", str, bytes, list[int])
_LENGTH = struct.Struct("<I")
_HEAD = struct.Struct(">BI")  # of MessagePack: a kind, and a length of four bytes
_TEXT, _BYTES, _LIST = 0xDB, 0xC6, 0xDD


class LongFrame:
    """The frame of one command. ``len`` tells about how much memory it holds."""

    def __init__(self, command: wire.Command, parts: list[Part]) -> None:
        self._command = command
        self._parts = parts

    @classmethod
    def of(cls, command: wire.Command) -> LongFrame | None:
        """None for a command with little in it, which needs none of this."""
        parts: list[Part] = []
        for field in command.__struct_fields__:
            _collect(getattr(command, field), parts)
        return cls(command, parts) if sum(map(_weight, parts)) >= MUCH else None

    def __len__(self) -> int:
        return sum(map(_weight, self._parts))

    async def send_to(self, stream: trio.abc.SendStream) -> None:
        """Write the whole frame."""
        mark = secrets.token_hex(8)
        between = self._encoded(mark).split(msgspec.msgpack.encode(mark))
        encoded = [await _encoded(part) for part in self._parts]
        total = sum(map(len, between)) + sum(len(head) + size for head, size, _ in encoded)
        held = bytearray(_LENGTH.pack(total) + between[0])
        for (head, _, pieces), after in zip(encoded, between[1:], strict=True):
            held += head
            for piece in pieces:
                held += piece
                if len(held) >= _AT_ONCE:
                    await stream.send_all(held)
                    held = bytearray()
            held += after
        await stream.send_all(held)

    def _encoded(self, mark: str) -> bytes:
        """The command with a mark in place of each part."""
        fields = self._command.__struct_fields__
        marked = {field: _marked(getattr(self._command, field), mark) for field in fields}
        return msgspec.msgpack.encode(msgspec.structs.replace(self._command, **marked))


def _weight(part: Part) -> int:
    return len(part) * (_NUMBER if isinstance(part, list) else 1)


def _is_part(value: object) -> bool:
    """All elements of a list are of one kind, so that the first one tells."""
    if isinstance(value, list):
        return len(value) >= _LONG and isinstance(value[0], int)
    return isinstance(value, str | bytes) and len(value) >= _LONG


def _collect(value: object, parts: list[Part]) -> None:
    if _is_part(value):
        parts.append(value)  # type: ignore[arg-type]
    elif isinstance(value, list) and value and not isinstance(value[0], int):
        for item in value:
            if not isinstance(item, str):
                _collect(item, parts)
            elif len(item) >= _LONG:
                parts.append(item)


def _marked(value: object, mark: str) -> object:
    if _is_part(value):
        return mark
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return [_marked(item, mark) for item in value]
    return value


async def _encoded(part: Part) -> tuple[bytes, int, Iterable[bytes]]:
    """What comes before a part, its size in bytes, and its pieces."""
    if isinstance(part, bytes):
        return _HEAD.pack(_BYTES, len(part)), len(part), _cut(part)
    if isinstance(part, str):
        size = await _utf8_size(part)
        return _HEAD.pack(_TEXT, size), size, (piece.encode() for piece in _cut(part))
    pieces = []
    for numbers in _cut(part, _AT_ONCE // _NUMBER):
        pieces.append(b"".join(map(msgspec.msgpack.encode, numbers)))
        await trio.lowlevel.checkpoint()
    return _HEAD.pack(_LIST, len(part)), sum(map(len, pieces)), pieces


async def _utf8_size(text: str) -> int:
    if text.isascii():
        return len(text)
    size = 0
    for piece in _cut(text):
        size += len(piece.encode())
        await trio.lowlevel.checkpoint()
    return size


def _cut(part: P, step: int = 0) -> Iterator[P]:
    for start in range(0, len(part), step or _AT_ONCE):
        yield part[start : start + (step or _AT_ONCE)]
