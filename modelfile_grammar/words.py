"""The names the language knows: instruction words and roles."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

INSTRUCTIONS = (
    "from",
    "license",
    "template",
    "system",
    "adapter",
    "draft",
    "renderer",
    "parser",
    "parameter",
    "message",
    "requires",
)
"""In the order the error for an unknown word lists them."""

PROMPT = "prompt"
"""The 2023 spelling of TEMPLATE, still read."""

EMBED = "embed"
"""A 2023 instruction that is refused with a pointer to its successor."""

ROLES = ("system", "user", "assistant")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that ``word`` most likely misspells, if any comes close."""
    names = {name.lower(): name for name in known}
    found = get_close_matches(word.lower()[:64], names, n=1, cutoff=0.6)
    return names[found[0]] if found else None
