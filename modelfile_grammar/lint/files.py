"""Rules that need the files and models a Modelfile names. The caller answers for the file system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..tree import Command
from .commands import typed
from .findings import Finding

HEAVILY_QUANTIZED = 4.5
"""Bits per weight below which an adapter, which was trained beside 16-bit weights, loses noticeably."""

_PATHS = ("from", "adapter", "draft")


class Files(Protocol):
    """What lint asks about the files and models a Modelfile names. Every answer may be "unknown"."""

    def exists(self, value: str) -> bool | None:
        """Whether there is a file or folder of that name."""

    def is_model_name(self, value: str) -> bool:
        """Whether the value could be the name of a model."""

    def same(self, one: str, other: str) -> bool:
        """Whether both name the same file."""

    def context_length(self, base: str) -> int | None:
        """Tokens the base model was trained on at once."""

    def bits_per_weight(self, base: str) -> float | None:
        """How far the base model is quantized."""


def check_files(commands: tuple[Command, ...], files: Files) -> Iterator[Finding]:
    bases = [command for command in commands if command.word == "from"]
    for command in commands:
        if command.word in _PATHS:
            yield from _path(command, bases, files)
    if bases:
        yield from _context(commands, files.context_length(bases[-1].value))
        yield from _adapted(commands, files.bits_per_weight(bases[-1].value))


def _path(command: Command, bases: list[Command], files: Files) -> Iterator[Finding]:
    value, width = command.value, len(command.value)
    if files.exists(value) is False and (command.word != "from" or not files.is_model_name(value)):
        what = "no such file, and not the name of a model" if command.word == "from" else "no such file or folder"
        yield Finding.at("E006", f"{value}: {what}", command.value_at, width)
    elif command.word == "draft" and any(files.same(value, base.value) for base in bases):
        message = f"DRAFT must not reference the same local path as FROM: {value}"
        yield Finding.at("E008", message, command.value_at, width)


def _context(commands: tuple[Command, ...], trained: int | None) -> Iterator[Finding]:
    for command in commands:
        asked = typed(command) if command.word == "parameter" and command.name == "num_ctx" else None
        if trained is not None and isinstance(asked, int) and asked > trained:
            message = f"num_ctx {asked} is more than the {trained} tokens the model was trained on"
            yield Finding.at("W104", message, command.value_at, len(command.value))


def _adapted(commands: tuple[Command, ...], bits: float | None) -> Iterator[Finding]:
    for command in commands:
        if bits is not None and bits < HEAVILY_QUANTIZED and command.word == "adapter":
            message = f"the base has {bits:.1f} bits per weight; an adapter fits worse the fewer there are"
            yield Finding.at("W107", message, command.value_at, len(command.value))
