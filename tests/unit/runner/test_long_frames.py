"""Frames that are encoded while they are sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from trio.testing import memory_stream_one_way_pair

from pyollama.runner import long_frames
from pyollama.runner.frames import FrameReader
from pyollama.runner.long_frames import LongFrame
from pyollama.wire import runner as wire


@pytest.mark.parametrize(
    "texts",
    [["a" * 100], ["short", "\u00e9\u4e2d\U0001f600" * 40, "short"], ["a" * 99, "b" * 99, "", "a" * 99], ["\0" * 50]],
)
async def test_a_long_frame_is_the_frame_of_its_command(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    monkeypatch.setattr(long_frames, "LONG_TEXT", 40)
    monkeypatch.setattr(long_frames, "_PIECE", 7)
    command = wire.Embed(5, texts, 10, True, False)
    frame = LongFrame.of(command)
    assert frame is not None
    assert len(frame) == sum(len(text) for text in texts if len(text) >= 40)
    sender, receiver = memory_stream_one_way_pair()
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            await frame.send_to(sender)
            await sender.aclose()

        nursery.start_soon(send)
        (content,) = FrameReader().feed(b"".join([bytes(part) async for part in receiver]))
    assert msgspec.msgpack.decode(content, type=wire.Embed) == command
    assert bytes(content)[:2] == msgspec.msgpack.encode(command)[:2]


@pytest.mark.parametrize("command", [wire.Ping(), wire.Embed(1, ["a"] * 3, 1, True, True)])
def test_a_command_without_long_texts_needs_none(command: Any) -> None:
    assert LongFrame.of(command) is None
