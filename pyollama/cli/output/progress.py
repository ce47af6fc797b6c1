"""Display on stderr: items redrawn in place on a terminal, plain lines elsewhere.

``open_progress`` picks the display. Items may be changed from any thread; a thread of the display draws them.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TextIO, TypeVar

from pyollama.cli.output import terminal
from pyollama.cli.output.items import ASCII, FRAME_SECONDS, UNICODE, Bar, Glyphs, Item, Spinner
from pyollama.cli.output.tables import clip, width

AnyItem = TypeVar("AnyItem", Spinner, Bar)
LINE_SECONDS = 5.0  # between two lines of one bar where nothing can be redrawn
LINE_PERCENT = 10

_SYNC_ON, _SYNC_OFF = "\x1b[?2026h", "\x1b[?2026l"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_ERASE_RIGHT, _ERASE_BELOW = "\x1b[K", "\x1b[J"


class Display(Protocol):
    """Where commands report what goes on. Leaving the ``with`` block ends the display."""

    def spinner(self, message: str = "") -> Spinner: ...
    def bar(self, message: str, total: int, done: int = 0) -> Bar: ...
    def clear(self) -> None:
        """Take everything shown away again, where that is possible."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


def open_progress(*, off: bool = False) -> Display:
    if off:
        return Silent()
    return Redrawn(sys.stderr) if terminal.redraws(sys.stderr) else Lines(sys.stderr)


class Silent:
    """No display at all."""

    def spinner(self, message: str = "") -> Spinner:
        return Spinner(message)

    def bar(self, message: str, total: int, done: int = 0) -> Bar:
        return Bar(message, total, done, now=0.0)

    def clear(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.clear()


class Redrawn:
    """Items in place on a terminal, ten frames a second.

    The cursor is visible between frames, so an exit at any moment leaves a usable terminal.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._glyphs: Glyphs = UNICODE if terminal.encodes(stream, UNICODE.sample) else ASCII
        self._items: list[Item] = []
        self._drawn: list[int] = []  # columns of each line of the last frame
        self._columns = terminal.size(stream)[0]
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def spinner(self, message: str = "") -> Spinner:
        return self._add(Spinner(message, now=self._clock()))

    def bar(self, message: str, total: int, done: int = 0) -> Bar:
        return self._add(Bar(message, total, done, now=self._clock(), clock=self._clock))

    def clear(self) -> None:
        self._halt()
        if self._drawn:
            self._stream.write(self._to_first_line(terminal.size(self._stream)[0]) + _ERASE_BELOW)
            self._stream.flush()
            self._drawn = []

    def draw(self) -> None:
        """One frame."""
        columns, lines = terminal.size(self._stream)
        now = self._clock()
        with self._lock:
            items = self._items[-lines:]
            texts = [clip(item.line(now, columns, self._glyphs), columns - 1) for item in items]
            body = "\n".join(text + _ERASE_RIGHT for text in texts)
            home = self._to_first_line(columns) if self._drawn else ""
            rest = _ERASE_BELOW if columns != self._columns else ""  # what a resize has folded
            self._stream.write(_SYNC_ON + _HIDE_CURSOR + home + body + rest + _SHOW_CURSOR + _SYNC_OFF)
            self._stream.flush()
            self._drawn, self._columns = [width(text) for text in texts], columns

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        running = self._thread is not None
        self._halt()
        if running:
            self.draw()
            self._stream.write("\n")
            self._stream.flush()

    def _add(self, item: AnyItem) -> AnyItem:
        with self._lock:
            self._items.append(item)
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._redraw, name="progress", daemon=True)
            self._thread.start()
        return item

    def _redraw(self) -> None:
        while not self._ended.is_set():
            self.draw()
            self._ended.wait(FRAME_SECONDS)

    def _halt(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _to_first_line(self, columns: int) -> str:
        """A narrower terminal has folded the lines of the last frame."""
        rows = sum(max(1, -(-drawn // columns)) for drawn in self._drawn)
        return (f"\x1b[{rows - 1}A" if rows > 1 else "") + "\x1b[1G"


class Lines:
    """One line for each status, and a few for each bar."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock

    def spinner(self, message: str = "") -> Spinner:
        self._print(message)
        return Spinner(message, now=self._clock(), renamed=self._print)

    def bar(self, message: str, total: int, done: int = 0) -> Bar:
        shown = [-LINE_PERCENT, -LINE_SECONDS]

        def moved(bar: Bar) -> None:
            now = self._clock()
            if bar.percent // LINE_PERCENT > shown[0] // LINE_PERCENT or now - shown[1] >= LINE_SECONDS:
                shown[:] = [bar.percent, now]
                self._print(bar.plain(now))

        bar = Bar(message, total, done, now=self._clock(), clock=self._clock, moved=moved)
        moved(bar)
        return bar

    def clear(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.clear()

    def _print(self, text: str) -> None:
        if text:
            self._stream.write(text + "\n")
            self._stream.flush()
