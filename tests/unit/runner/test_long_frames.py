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
from pyollama.scheduler.options import DEFAULT_SAMPLING
from pyollama.wire import runner as wire

TEXT = "\u00e9\u4e2d\U0001f600" * 40
GENERATE = wire.Generate(
    5, ["", "short", "a" * 99, TEXT], 10, DEFAULT_SAMPLING, 7, 4, stop=["b" * 30], parser=b"\xff" * 50
)


@pytest.mark.parametrize(
    ("command", "weight"),
    [
        (wire.Embed(5, ["a" * 100], 10, True, False), 100),
        (wire.Embed(5, ["short", TEXT, "short"], 10, True, False), 120),
        (wire.Embed(5, ["a" * 99, "b" * 99, "", "a" * 99], 10, True, False), 297),
        (wire.Embed(5, ["\0" * 50], 10, True, False), 50),
        (wire.Tokenize(5, [["", "short"], ["a" * 50, TEXT, "end"], []]), 170),
        (wire.Detokenize(5, [*range(40), 70_000, (1 << 31) - 1]), 42 * 16),
        (wire.Render(5, b"\xffx" * 50), 100),
        (GENERATE, 99 + 120 + 30 + 50),
    ],
)
async def test_a_long_frame_is_the_frame_of_its_command(
    monkeypatch: pytest.MonkeyPatch, command: Any, weight: int
) -> None:
    monkeypatch.setattr(long_frames, "MUCH", 40)
    monkeypatch.setattr(long_frames, "_LONG", 20)
    monkeypatch.setattr(long_frames, "_AT_ONCE", 19)
    frame = LongFrame.of(command)
    assert frame is not None
    assert len(frame) == weight
    sender, receiver = memory_stream_one_way_pair()
    async with trio.open_nursery() as nursery:

        async def send() -> None:
            await frame.send_to(sender)
            await sender.aclose()

        nursery.start_soon(send)
        (content,) = FrameReader().feed(b"".join([bytes(part) async for part in receiver]))
    assert msgspec.msgpack.decode(content, type=type(command)) == command
    assert bytes(content)[:2] == msgspec.msgpack.encode(command)[:2]


@pytest.mark.parametrize("command", [wire.Ping(), wire.Embed(1, ["a"] * 3, 1, True, True), wire.Detokenize(1, [])])
def test_a_command_with_little_in_it_needs_none(command: Any) -> None:
    assert LongFrame.of(command) is None
