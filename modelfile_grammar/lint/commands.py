"""Rules about instructions: their values, and what they say together."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from ..build import check_parameter, check_requires
from ..errors import ModelfileSyntaxError, Position
from ..parameters import PARAMETERS, Value
from ..tree import Command, Instruction
from ..words import PROMPT
from .findings import Finding
from .ranges import out_of_range
from .syntax import of_error

_ONCE = ("system", "template", "requires", "adapter", "renderer", "parser")


def check(instruction: Instruction) -> Iterator[Finding]:
    """What is wrong with one instruction by itself."""
    command = instruction.command
    if instruction.closes_late:
        yield Finding.at("W108", "the value goes on past a closing quote on its first line", command.value_at)
    if command.word == "parameter":
        yield from _parameter(command)
    elif command.word == "requires":
        yield from _guarded(check_requires, command)
    elif command.word == PROMPT:
        message = "PROMPT is an old word for TEMPLATE"
        yield Finding.at("W101", message, Position(command.line, command.column), len(PROMPT), "TEMPLATE")


def repeats(commands: tuple[Command, ...]) -> Iterator[Finding]:
    """Instructions of which only the last one counts."""
    seen: set[str] = set()
    for command in commands:
        word = "template" if command.word == PROMPT else command.word
        if word in seen:
            message = f"{word.upper()} is given more than once; the last one counts"
            yield Finding.at("W102", message, Position(command.line, command.column), len(command.word))
        elif word in _ONCE:
            seen.add(word)


def stops(commands: tuple[Command, ...]) -> Iterator[Finding]:
    """Stop texts that are empty, or given twice."""
    seen: set[str] = set()
    for command in commands:
        if command.word != "parameter" or command.name != "stop":
            continue
        if not command.value:
            yield Finding.at("W106", "an empty stop text ends nothing", command.value_at)
        elif command.value in seen:
            yield Finding.at("W106", f"stop {json.dumps(command.value)} is given twice", command.value_at)
        seen.add(command.value)


def typed(command: Command) -> Value | None:
    """The value of a PARAMETER command, if it has the right type."""
    try:
        return check_parameter(command)
    except ModelfileSyntaxError:
        return None


def _parameter(command: Command) -> Iterator[Finding]:
    value = typed(command)
    if value is None:
        yield from _guarded(check_parameter, command)
        return
    name = command.name or ""
    if PARAMETERS[name].retired:
        yield Finding.at("W101", f"parameter {name} is deprecated and has no effect", command.argument_at, len(name))
    elif complaint := out_of_range(name, value):
        yield Finding.at("W105", complaint, command.value_at, len(command.value))


def _guarded(check: Callable[[Command], object], command: Command) -> Iterator[Finding]:
    try:
        check(command)
    except ModelfileSyntaxError as error:
        yield of_error(error)
