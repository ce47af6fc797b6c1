"""From bytes to text, and from offsets in the text to lines and columns."""

from __future__ import annotations

import codecs
import re

LINE_BREAK = re.compile(r"\r\n|\r|\n")
_SURROGATES = re.compile("[\ud800-\udfff]")


def decode(source: bytes | str) -> str:
    """The text of a Modelfile. Never fails: what is not text becomes U+FFFD, U+0000 is dropped.

    A byte-order mark chooses UTF-8 or UTF-16; without one the bytes are UTF-8. Marks at the start are dropped.
    """
    text = _decode_bytes(source) if isinstance(source, bytes) else source
    return _SURROGATES.sub("\ufffd", text).replace("\0", "").lstrip("\ufeff")


def _decode_bytes(source: bytes) -> str:
    if source.startswith(codecs.BOM_UTF16_LE):
        return source.decode("utf-16-le", "replace")
    if source.startswith(codecs.BOM_UTF16_BE):
        return source.decode("utf-16-be", "replace")
    return source.decode("utf-8", "replace")


def line_of(text: str, line: int) -> str:
    """Line number ``line`` (from 1) of ``text`` without its break; empty past the end."""
    for number, found in enumerate(LINE_BREAK.split(text), 1):
        if number == line:
            return found
    return ""
