"""What the output streams can do: redraw, colour, which characters, how wide."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

DEFAULT_SIZE = (80, 24)
GREY, BOLD, RESET = "\x1b[38;5;245m", "\x1b[1m", "\x1b[0m"


def prepare_streams() -> None:
    """UTF-8 for files and pipes; a terminal keeps its encoding, and no character can stop a command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def redraws(stream: TextIO) -> bool:
    """Cursor control is allowed: a terminal that is not dumb."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def colours(stream: TextIO, choice: str = "auto") -> bool:
    """Whether to colour, by ``--color`` and NO_COLOR (any value)."""
    if choice == "auto":
        return redraws(stream) and "NO_COLOR" not in os.environ
    return choice == "always"


def encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def size(stream: TextIO) -> tuple[int, int]:
    """Columns and lines of the terminal behind a stream; 80 by 24 when unknown."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns, lines = shutil.get_terminal_size(DEFAULT_SIZE)
    return columns or DEFAULT_SIZE[0], lines or DEFAULT_SIZE[1]
