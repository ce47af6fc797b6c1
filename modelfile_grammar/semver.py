"""Versions as REQUIRES takes them."""

from __future__ import annotations

import re

_NUMBER = r"(?:0|[1-9][0-9]*)"
_PRE_PART = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_BUILD_PART = r"[0-9A-Za-z-]+"
_VERSION = re.compile(
    rf"{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER}(?:-{_PRE_PART}(?:\.{_PRE_PART})*)?(?:\+{_BUILD_PART}(?:\.{_BUILD_PART})*)?)?)?"
)


def parse_version(text: str) -> str | None:
    """The version without its leading ``v``, or nothing. ``1`` and ``1.2`` are versions too."""
    bare = text.removeprefix("v")
    return bare if _VERSION.fullmatch(bare) else None
