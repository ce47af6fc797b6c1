"""Who wrote a piece of text: the template, or whoever sent the request.

A model's special tokens count only where the template wrote them. So text is a plain ``str`` unless the template
itself wrote it: whatever is computed from a marked text is plain again, and nobody has to remember to take a mark away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from .gotext.quoting import has_stray_bytes, to_text
from .values import MixedText, TemplateText

_STRAY_EDGES = re.compile("\\A[\ud800-\udfff]+|[\ud800-\udfff]+\\Z")


def woven(pieces: list[str]) -> str:
    """One text that remembers which of its pieces the template wrote."""
    if all(type(piece) is str for piece in pieces):
        return "".join(pieces)
    flat = [piece for text in pieces for piece in pieces_of(text)]
    if all(type(piece) is TemplateText for piece in flat):
        return TemplateText("".join(flat))
    return MixedText(tuple(kind("".join(run)) for kind, run in groupby(filter(None, flat), type)))


def pieces_of(text: str) -> tuple[str, ...]:
    """What a text was put together of: texts of one kind each."""
    return text.pieces if type(text) is MixedText else (text,)


def fragments(pieces: list[str]) -> list[str]:
    """The output of a rendering as template, data, template, data and so on, beginning with template.

    Joined they are the output. A fragment is empty only where the alternation needs it: the first one.
    """
    found = _alternating(pieces)
    if not has_stray_bytes("".join(found)):
        return found
    # Bytes that make a character together may stand on both sides of a border: they all go to the data then.
    return [to_text(text) for text in _alternating(list(_with_edges_as_data(found)))]


def _alternating(pieces: list[str]) -> list[str]:
    found = ["".join(run) for _, run in groupby(filter(None, pieces), type)]
    first = next(filter(None, pieces), None)
    return found if type(first) is TemplateText else ["", *found]


def _with_edges_as_data(found: list[str]) -> Iterator[str]:
    for number, text in enumerate(found):
        if number % 2:
            yield text
            continue
        at = 0
        for edge in _STRAY_EDGES.finditer(text):
            yield TemplateText(text[at : edge.start()])
            yield edge[0]
            at = edge.end()
        yield TemplateText(text[at:])
