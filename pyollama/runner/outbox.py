"""Commands on their way to a runner. What its request no longer wants is taken back while it has not been sent."""

from __future__ import annotations

from itertools import count

import trio

from pyollama.runner.frames import FrameWriter
from pyollama.runner.long_frames import LongFrame
from pyollama.wire import runner as wire

JOINED_BYTES = 1 << 16  # small frames are sent together up to this size


class Outbox:
    """Frames in order. Posting never waits; one task sends.

    A runner that reads slowly, because it loads or its processor is busy, leaves prompts here. They take memory for as
    long as their requests live, and not longer: no client can fill it by asking and leaving.
    """

    def __init__(self) -> None:
        self.size = 0  # bytes that wait
        self._writer = FrameWriter()
        self._frames: dict[int, bytes | LongFrame] = {}  # by request, or by a number below 0; in order
        self._own_numbers = count(-1, -1)
        self._posted = trio.Event()

    def post(self, command: wire.Command, request: int | None = None) -> None:
        """``request``: whose command it is, if that may be withdrawn."""
        frame = LongFrame.of(command) or bytes(self._writer.frame(command))
        self._frames[next(self._own_numbers) if request is None else request] = frame
        self.size += len(frame)
        self._posted.set()

    def withdraw(self, request: int) -> bool:
        """Take back the command of a request. False: it has been sent already."""
        frame = self._frames.pop(request, None)
        self.size -= len(frame or b"")
        return frame is not None

    async def send_to(self, stream: trio.abc.SendStream) -> None:
        """Send what is posted, for ever. Ends when the process does not read any more."""
        try:
            while True:
                await self._posted.wait()
                self._posted = trio.Event()
                while self._frames:
                    frame = self._take()
                    if isinstance(frame, LongFrame):
                        await frame.send_to(stream)
                    else:
                        await stream.send_all(frame)
        except trio.BrokenResourceError:
            return  # the process is ending; the reader finds out why

    def _take(self) -> bytes | LongFrame:
        """The next frame, joined with those after it while they are small."""
        frames: list[bytes] = []
        size = 0
        while self._frames and (not frames or size < JOINED_BYTES):
            first = next(iter(self._frames))
            frame = self._frames[first]
            if isinstance(frame, LongFrame):
                if frames:
                    break
                self.size -= len(self._frames.pop(first))
                return frame
            del self._frames[first]
            frames.append(frame)
            size += len(frame)
        self.size -= size
        return b"".join(frames) if len(frames) > 1 else frames[0]
