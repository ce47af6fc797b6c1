"""Left-aligned columns without borders, measured in terminal columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

GAP = 4
MAX_CELL = 30  # columns; longer cells are wrapped at blanks


def width(text: str) -> int:
    """Terminal columns of a text: wide characters count two, combining ones none."""
    return len(text) if text.isascii() else sum(map(char_width, text))


def char_width(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1


def clip(text: str, columns: int) -> str:
    """The longest head of text that fits."""
    if width(text) <= columns:
        return text
    used, end = 0, 0
    for end, char in enumerate(text):  # noqa: B007  # the index is the result
        used += char_width(char)
        if used > columns:
            break
    return text[:end]


def pad(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def wrap(text: str, columns: int) -> list[str]:
    """Lines of at most ``columns``, broken at blanks only."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split() if width(paragraph) > columns else [paragraph]:
            if line and width(line) + 1 + width(word) > columns:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def table(
    rows: Sequence[Sequence[str]], *, header: Sequence[str] = (), indent: int = 0, limit: int | None = MAX_CELL
) -> str:
    """Rows as text, each line with its newline. ``limit`` None: never wrap a cell."""
    lines = [line for row in rows for line in _physical_rows(row, limit)]
    columns = max(map(len, [header, *lines]), default=0)
    widths = [max(width(row[i]) if i < len(row) else 0 for row in [header, *lines]) for i in range(columns)]
    text = ""
    if header:
        text += (" " * GAP).join(pad(cell, w) for cell, w in zip(header, widths, strict=True)) + " \n"
    for line in lines:
        text += " " * indent + "".join(pad(cell, w) + " " * GAP for cell, w in zip(line, widths, strict=False)) + "\n"
    return text


def _physical_rows(row: Sequence[str], limit: int | None) -> list[list[str]]:
    cells = [[cell] if limit is None else wrap(cell, limit) for cell in row]
    height = max(map(len, cells), default=0)
    return [[cell[i] if i < len(cell) else "" for cell in cells] for i in range(height)]
