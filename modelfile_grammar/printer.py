"""Writes commands as a Modelfile that reads back as the same commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .tree import Command
from .values import is_representable, quote

NOT_REPRESENTABLE = "# This value has a line that ends with three quotes; it does not read back whole."


def print_modelfile(commands: Iterable[Command]) -> str:
    """One instruction a line, in the order given, each ended by a line feed.

    A value the language cannot say is printed all the same, under a comment that says so.
    """
    lines = []
    for command in commands:
        if not is_representable(command.value):
            lines.append(NOT_REPRESENTABLE)
        lines.append(format_command(command))
    return "".join(line + "\n" for line in lines)


def format_command(command: Command, spelling: str | None = None) -> str:
    """One instruction without a line break, quoted only where the bare value would not read back.

    Args:
        spelling: the value as it is to be written, instead.
    """
    head = [command.word.upper()]
    if command.name is not None:
        head.append(command.name)
    if command.role is not None:
        head.append(command.role)
    return " ".join([*head, quote(command.value) if spelling is None else spelling])


def parameter_commands(parameters: Mapping[str, object]) -> list[Command]:
    """PARAMETER commands for typed values, one per scalar and one per list element, in the mapping's order."""
    commands: list[Command] = []
    for name, value in parameters.items():
        elements = value if isinstance(value, list | tuple) else [value]
        commands.extend(Command("parameter", parameter_text(element), name=name) for element in elements)
    return commands


def parameter_text(value: object) -> str:
    """A typed value as the text that parses back to it: ``true``, ``1048576``, ``0.8``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
