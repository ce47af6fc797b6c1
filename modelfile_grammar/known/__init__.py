"""Chat templates that we know: the Jinja text a model file carries, and our Go template that does the same.

``texts/NAME.N.jinja`` holds texts to recognise, ``templates/NAME.gotmpl`` what to use instead. In a text, ``«296»``
stands for so many characters of prose, whatever it says: a default system text that belongs to one model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

from .distance import ANY, edit_distance
from .jinja import jinja_capabilities, prefer_jinja
from .labels import labels

_PROSE = re.compile("«([0-9]+)»")

LIMIT = 100
"""Texts that differ in this many characters or more are not the same template."""

STOPS: dict[str, tuple[str, ...]] = {
    "alfred": ("<start_system>", "<end_message>", "<start_user>", "<start_assistant>"),
    "alpaca": ("### Instruction:", "### Response"),
    "chatml": ("<|im_start|>", "<|im_end|>"),
    "chatqa": ("System:", "User:", "Assistant:"),
    "codellama-70b-instruct": ("Source:", "Destination:", "<step>"),
    "command-r": ("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
    "falcon-instruct": ("User:", "Assistant:"),
    "gemma-instruct": ("<start_of_turn>", "<end_of_turn>"),
    "gemma3-instruct": ("<end_of_turn>",),
    "granite-instruct": ("System:", "Question:", "Answer:"),
    "llama2-chat": ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
    "llama3-instruct": ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    "magicoder": ("@@ Instruction", "@@ Response"),
    "mistral-instruct": ("[INST]", "[/INST]"),
    "openchat": ("<|end_of_turn|>",),
    "phi-3": ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>"),
    "solar-instruct": ("### System:", "### User:", "### Assistant"),
    "starcoder2-instruct": ("### Instruction", "### Response", "<|endoftext|>"),
    "zephyr": ("<|system|>", "</s>", "<|user|>", "<|assistant|>"),
}
"""Every name, and the texts that end an answer in its format."""


@dataclass(frozen=True, slots=True)
class Known:
    """A chat template that was recognised."""

    name: str
    template: str
    """Our Go template, for a TEMPLATE layer."""

    stop: tuple[str, ...]
    """For a PARAMETER stop each."""

    distance: int = 0
    """Characters by which the recognised text differs from the one we know."""


def detect(jinja: str) -> Known | None:
    """The known template nearest to a chat template of a model file, if any is near enough and has the same labels."""
    text = jinja.replace("\r\n", "\n")
    best: tuple[int, str] | None = None
    for entry in _entries():
        if not all(label in text for label in entry.labels):
            continue
        distance = edit_distance(entry.text, text, LIMIT if best is None else best[0])
        if distance is not None:
            best = distance, entry.name
    return known_template(best[1], best[0]) if best is not None else None


def known_template(name: str, distance: int = 0) -> Known:
    """The known template of that name.

    Raises:
        KeyError: there is none.
    """
    stop = STOPS[name]
    text = resources.files(__package__).joinpath("templates", f"{name}.gotmpl").read_text("utf-8")
    return Known(name, text, stop, distance)


class _Entry(NamedTuple):
    """A text to recognise."""

    name: str
    text: str
    labels: frozenset[str]
    """Two formats can differ in a few characters of their labels, so these count more than the distance."""


@cache
def _entries() -> list[_Entry]:
    """In a fixed order."""
    folder = resources.files(__package__).joinpath("texts")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".jinja")), key=lambda file: file.name)
    return [_entry(file.name.rsplit(".", 2)[0], file.read_text("utf-8")) for file in files]


def _entry(name: str, text: str) -> _Entry:
    return _Entry(name, _PROSE.sub(lambda prose: ANY * int(prose[1]), text), labels(_PROSE.sub("\n", text)))


__all__ = ["LIMIT", "STOPS", "Known", "detect", "jinja_capabilities", "known_template", "prefer_jinja"]
