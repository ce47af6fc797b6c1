"""Frames on a pipe: a 4-byte little-endian length, then MessagePack. No I/O and no knowledge of what is inside."""

from __future__ import annotations

import struct

import msgspec

MAX_FRAME = 1 << 30  # bytes; more than this is not a frame but a stream out of step
_LENGTH = struct.Struct("<I")


class FrameError(Exception):
    """The stream is not made of frames, or a frame is larger than MAX_FRAME. Close it; nothing after it can be read."""


class FrameWriter:
    """Encodes objects into frames. One buffer serves them all, so a frame is valid until the next one is made."""

    def __init__(self) -> None:
        self._encoder = msgspec.msgpack.Encoder()
        self._buffer = bytearray()

    def frame(self, content: object) -> bytearray:
        """The whole frame of one object, borrowed until the next call.

        Raises:
            FrameError: the frame is larger than MAX_FRAME.
            TypeError: the object holds something MessagePack cannot say.
        """
        buffer = self._buffer
        self._encoder.encode_into(content, buffer, _LENGTH.size)
        length = len(buffer) - _LENGTH.size
        if length > MAX_FRAME:
            raise FrameError(f"a frame of {length} bytes is too large")
        _LENGTH.pack_into(buffer, 0, length)
        return buffer


class FrameReader:
    """Cuts a byte stream into the contents of its frames, however the stream was torn by reads."""

    def __init__(self) -> None:
        self._kept = bytearray()  # the beginning of a frame whose end has not come yet

    def feed(self, data: bytes | bytearray) -> list[memoryview]:
        """Contents of the frames that are whole now, in order.

        Raises:
            FrameError: a length beyond MAX_FRAME.
        """
        if self._kept:
            self._kept += data
            if len(self._kept) < _LENGTH.size or len(self._kept) < _end_of_frame(self._kept, 0):
                return []  # joined only once per frame, so a large frame in many reads stays linear
            data, self._kept = bytes(self._kept), bytearray()
        frames, used = _cut(data)
        if used < len(data):
            self._kept += data[used:]
        return frames

    @property
    def is_between_frames(self) -> bool:
        """False when the stream ends in the middle of a frame."""
        return not self._kept


def _cut(data: bytes | bytearray) -> tuple[list[memoryview], int]:
    """The contents of the whole frames at the front of data, and how many bytes they took."""
    view = memoryview(data)
    frames: list[memoryview] = []
    start = 0
    while start + _LENGTH.size <= len(data) and (end := _end_of_frame(data, start)) <= len(data):
        frames.append(view[start + _LENGTH.size : end])
        start = end
    return frames, start


def _end_of_frame(data: bytes | bytearray, start: int) -> int:
    (length,) = _LENGTH.unpack_from(data, start)
    if length > MAX_FRAME:
        raise FrameError(f"a frame cannot have {length} bytes")
    return start + _LENGTH.size + int(length)
