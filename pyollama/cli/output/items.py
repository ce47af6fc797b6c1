"""The two things a progress display shows: a spinner with a message, and a bar over bytes.

They compute text from a time and a width; they neither draw nor read a clock of their own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pyollama.cli.output.formats import eta, human_bytes
from pyollama.cli.output.tables import clip, width

FRAME_SECONDS = 0.1
SUFFIX = 31  # columns of amount, speed and time left
SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Glyphs:
    frames: str
    left: str
    full: str
    right: str

    @property
    def sample(self) -> str:
        return self.frames + self.left + self.full + self.right


UNICODE = Glyphs("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "▕", "█", "▏")
ASCII = Glyphs("|/-\\", "|", "#", "|")


class Item(Protocol):
    def line(self, now: float, columns: int, glyphs: Glyphs) -> str: ...


class Spinner:
    """A message that something goes on. ``detail`` changes often, and is shown on terminals only."""

    def __init__(self, message: str = "", now: float = 0.0, renamed: Callable[[str], None] | None = None) -> None:
        self._message, self._started, self._renamed = message, now, renamed
        self.detail = ""
        self.stopped = False

    @property
    def message(self) -> str:
        return self._message

    @message.setter
    def message(self, text: str) -> None:
        if text != self._message and self._renamed:
            self._renamed(text)
        self._message = text

    def stop(self) -> None:
        self.stopped = True

    def line(self, now: float, columns: int, glyphs: Glyphs) -> str:
        frame = glyphs.frames[int((now - self._started) / FRAME_SECONDS) % len(glyphs.frames)]
        tail = "".join(f"{part} " for part in (self.detail, "" if self.stopped else frame) if part)
        head = clip(self._message, columns - 2 - width(tail))  # a long message must not push out what moves
        return f"{head} {tail}" if head else tail


class Bar:
    """Bytes done of a total, with speed and time left."""

    def __init__(
        self,
        message: str,
        total: int,
        done: int = 0,
        *,
        now: float,
        clock: Callable[[], float] = time.monotonic,
        moved: Callable[[Bar], None] | None = None,
    ) -> None:
        self.message, self.total, self.done = message, total, done
        self._start = (now, done)  # what was there before does not count as speed
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)
        self._clock, self._moved = clock, moved

    @property
    def percent(self) -> float:
        return min(100.0, 100.0 * self.done / self.total) if self.total > 0 else 0.0

    @property
    def complete(self) -> bool:
        return self.total > 0 and self.done >= self.total

    def set(self, done: int) -> None:
        """Bytes done so far."""
        self.done = done
        now = self._clock()
        if not self._samples or now - self._samples[-1][0] >= 1.0:
            self._samples.append((now, done))
        if self._moved:
            self._moved(self)

    def speed(self, now: float) -> float:
        """Bytes per second of the last samples; 0 while unknown."""
        if len(self._samples) > 1:
            (since, first), (until, last) = self._samples[0], self._samples[-1]
        else:
            (since, first), (until, last) = self._start, (now, self.done)
        return max(0.0, (last - first) / (until - since)) if until > since else 0.0

    def line(self, now: float, columns: int, glyphs: Glyphs) -> str:
        head = f"{self.message} {self.percent:3.0f}%"
        cells = max(0, columns - width(head) - SUFFIX - 5)
        full = int(cells * self.percent / 100)
        body = glyphs.full * full + " " * (cells - full)
        return f"{head} {glyphs.left}{body}{glyphs.right} {self._suffix(now)}"

    def plain(self, now: float) -> str:
        """The same as one line without cursor control or padding."""
        parts = [self.message, f"{self.percent:.0f}%"]
        if self.complete:
            return " ".join([*parts, human_bytes(self.total)])
        parts.append(f"{human_bytes(self.done)}/{human_bytes(self.total)}")
        if speed := self.speed(now):
            parts += [f"{human_bytes(int(speed))}/s", eta((self.total - self.done) / speed)]
        return " ".join(parts)

    def _suffix(self, now: float) -> str:
        total = human_bytes(self.total)
        if self.complete:
            return f"{total:>6}".ljust(SUFFIX)
        amount = f"{human_bytes(self.done):>6}/{total:>6}"
        speed = self.speed(now)
        if not speed:
            return amount.ljust(SUFFIX)
        return f"{amount}  {human_bytes(int(speed)):>6}/s  {eta((self.total - self.done) / speed):>6}"
