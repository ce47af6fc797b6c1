"""The fixed words a chat template puts around messages, such as ``<|im_start|>`` or ``Question:``."""

from __future__ import annotations

import re

_PRINTED = re.compile(r"'([^']*)'|\"([^\"]*)\"|[%}]\}([^{]+)")
_LINE = re.compile(r"\n|\\n")
MOST_WORDS = 3
"""Longer lines are prose, which may differ."""


def labels(jinja: str) -> frozenset[str]:
    """Every short line in a string or between the actions of a Jinja template."""
    printed = ("".join(found.groups("")) for found in _PRINTED.finditer(jinja))
    lines = (line.strip() for text in printed for line in _LINE.split(text))
    return frozenset(line for line in lines if line and len(line.split()) <= MOST_WORDS)
