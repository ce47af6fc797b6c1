"""Answer text on its way to the terminal: wrapped at words as it arrives, thinking set apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from pyollama.cli.output import terminal
from pyollama.cli.output.tables import char_width, width

_MARGIN = 5  # columns kept free at the right
_LONG_WORD = 10  # a word this close to the whole width is broken in place
_NARROW = 10  # columns; below, nothing is wrapped


class WordWrap:
    """Writes text to a terminal, taking a word back to start it on the next line where it does not fit."""

    def __init__(self, stream: TextIO, columns: Callable[[], int]) -> None:
        self._stream, self._columns = stream, columns
        self._column = 0
        self._word = ""

    def write(self, text: str) -> None:
        columns = self._columns()
        if columns < _NARROW:
            self._stream.write(text)
        else:
            for char in text:
                self._stream.write(self._place(char, columns))
        self._stream.flush()

    def restart(self) -> None:
        """Others have written; the cursor is at the start of a line."""
        self._column, self._word = 0, ""

    def _place(self, char: str, columns: int) -> str:
        if char in "\n\r":
            self._column, self._word = 0, ""
            return char
        cells = char_width(char)
        if self._column + cells <= columns - _MARGIN:
            self._column += cells
            self._word = "" if char in " \t" or cells > 1 else self._word + char
            return char
        taken = width(self._word)
        if char in " \t":  # the word just fits; the line break takes the place of the blank
            self._word = ""
            return ""
        if cells > 1 or taken > columns - _LONG_WORD:
            self._column, self._word = cells, char if cells == 1 else ""
            return "\n" + char
        back = f"\x1b[{taken}D" if taken else ""
        moved, self._word = self._word, self._word + char
        self._column = taken + cells
        return f"{back}\x1b[K\n{moved}{char}"


class Plain:
    """Writes text as it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def restart(self) -> None:
        pass


class AnswerWriter:
    """One answer: the thinking part between its headings, then the text. What never comes to its text has no closing.

    Args:
        visible: called once, before the first character is written.
    """

    def __init__(
        self, stream: TextIO, *, wrap: bool, colour: bool, hide_thinking: bool, visible: Callable[[], None]
    ) -> None:
        wraps = wrap and terminal.redraws(stream)
        self._out = WordWrap(stream, lambda: terminal.size(stream)[0]) if wraps else Plain(stream)
        self._stream, self._colour, self._hide, self._visible = stream, colour, hide_thinking, visible
        self._thinking = self._started = False
        self._last = ""
        self.text = ""  # the answer so far, without its thinking

    def think(self, text: str) -> None:
        if self._hide or not text:
            return
        if not self._thinking:
            self._start()
            self._thinking = True
            bold = terminal.GREY + terminal.BOLD
            self._raw(f"{bold}Thinking...\n{terminal.RESET}{terminal.GREY}" if self._colour else "Thinking...\n")
        self._out.write(text)
        self._last = text[-1]

    def answer(self, text: str) -> None:
        if not text:
            return
        self._end_thinking()
        self._start()
        self.text += text
        self._out.write(text)

    def tool_call(self, name: str, arguments: str) -> None:
        self._end_thinking()
        self._start()
        self._out.write(f"The model called a function that does not exist: {name}() with arguments {arguments}\n")

    def close(self) -> None:
        """Leave no colour behind. Idempotent."""
        if self._thinking and self._colour:
            self._raw(terminal.RESET)
        self._thinking = False

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._visible()

    def _end_thinking(self) -> None:
        if not self._thinking:
            return
        self._thinking = False
        newline = "" if self._last == "\n" else "\n"
        closing = f"{terminal.BOLD}...done thinking.{terminal.RESET}" if self._colour else "...done thinking."
        self._raw(f"{newline}{closing}\n\n")
        self._out.restart()

    def _raw(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
