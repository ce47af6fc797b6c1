"""Frames with long texts, encoded while they are sent: the event loop goes on between pieces, and nothing is copied."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Iterator

import msgspec
import trio

from pyollama.wire import runner as wire

LONG_TEXT = 1 << 20  # characters of a text that is worth it
_PIECE = 1 << 18  # characters that are encoded at a time
_LENGTH = struct.Struct("<I")
_TEXT_HEAD = struct.Struct(">BI")  # of MessagePack: a text with a length of four bytes
_TEXT = 0xDB


class LongFrame:
    """The frame of one command. ``len`` tells about how much memory it holds."""

    def __init__(self, command: wire.Command, texts: list[str]) -> None:
        self._command = command
        self._texts = texts

    @classmethod
    def of(cls, command: wire.Command) -> LongFrame | None:
        """None for a command without long texts, which needs none of this."""
        texts = [text for field in command.__struct_fields__ for text in _long_texts(getattr(command, field))]
        return cls(command, texts) if texts else None

    def __len__(self) -> int:
        return sum(map(len, self._texts))

    async def send_to(self, stream: trio.abc.SendStream) -> None:
        """Write the whole frame."""
        mark = secrets.token_hex(8)
        between = self._encoded(mark).split(msgspec.msgpack.encode(mark))
        sizes = [await _utf8_size(text) for text in self._texts]
        total = sum(map(len, between)) + sum(sizes) + len(sizes) * _TEXT_HEAD.size
        await stream.send_all(_LENGTH.pack(total) + between[0])
        for text, size, after in zip(self._texts, sizes, between[1:], strict=True):
            await stream.send_all(_TEXT_HEAD.pack(_TEXT, size))
            for piece in _pieces(text):
                await stream.send_all(piece.encode())
            await stream.send_all(after)

    def _encoded(self, mark: str) -> bytes:
        """The command with a mark in place of each long text."""
        marked = msgspec.structs.replace(
            self._command,
            **{field: _marked(getattr(self._command, field), mark) for field in self._command.__struct_fields__},
        )
        return msgspec.msgpack.encode(marked)


def _long_texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if len(value) >= LONG_TEXT else []
    if isinstance(value, list):
        return [text for text in value if isinstance(text, str) and len(text) >= LONG_TEXT]
    return []


def _marked(value: object, mark: str) -> object:
    if isinstance(value, list):
        return [mark if isinstance(item, str) and len(item) >= LONG_TEXT else item for item in value]
    return mark if isinstance(value, str) and len(value) >= LONG_TEXT else value


async def _utf8_size(text: str) -> int:
    if text.isascii():
        return len(text)
    size = 0
    for piece in _pieces(text):
        size += len(piece.encode())
        await trio.lowlevel.checkpoint()
    return size


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _PIECE):
        yield text[start : start + _PIECE]
