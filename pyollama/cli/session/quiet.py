"""The terminal between two messages: keys wait unseen for the next prompt instead of mixing with the answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unseen_keys() -> Iterator[None]:
    """No echo, and Enter arrives as Enter, until the block ends. Ctrl+C and Ctrl+Z keep their meaning.

    Without it, Enter typed during an answer would reach the prompt as Ctrl+J and start a new line instead of sending.
    """
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    attributes = termios.tcgetattr(descriptor)
    attributes[0] &= ~termios.ICRNL
    attributes[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
