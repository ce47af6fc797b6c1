"""``build``: from the commands of a Modelfile to plain values of the right types."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .errors import ModelfileSyntaxError, ParameterError, Position, Warning
from .parameters import PARAMETERS, Value, parse_parameter
from .semver import parse_version
from .source import line_of
from .tree import Command, Instruction, Modelfile
from .words import PROMPT, nearest

_BAD_REQUIRES = "requires must be a valid semver (e.g. 0.14.0)"


@dataclass(slots=True)
class Build:
    """What a Modelfile asks for. Lists keep the order and the duplicates of the file; scalars hold the last one."""

    froms: list[str] = field(default_factory=list)
    adapters: list[str] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)
    template: str | None = None
    system: str | None = None
    licenses: list[str] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)
    parameters: dict[str, Value] = field(default_factory=dict)
    renderer: str | None = None
    parser: str | None = None
    requires: str | None = None
    warnings: list[Warning] = field(default_factory=list)


def build(modelfile: Modelfile) -> Build:
    """The values of a Modelfile, their types checked.

    Raises:
        ModelfileSyntaxError: kind UnknownParameter, BadValue or BadRequires, at the name or the value.
    """
    result = Build()
    try:
        for instruction in modelfile.instructions:
            _add(result, instruction)
    except ModelfileSyntaxError as error:
        error.source_line = line_of(str(modelfile), error.line)
        raise
    _warn_of_repeats(result, modelfile.commands)
    result.warnings.sort(key=lambda warning: (warning.line, warning.column))
    return result


def _add(result: Build, instruction: Instruction) -> None:
    command = instruction.command
    value = command.value
    if instruction.closes_late:
        text = "the value goes on over several lines, because its first line holds a closing quote before other text"
        result.warnings.append(Warning(*command.value_at, text))
    match command.word:
        case "from":
            result.froms.append(value)
        case "adapter":
            result.adapters.append(value)
        case "draft":
            result.drafts.append(value)
        case "license":
            result.licenses.append(value)
        case "message":
            result.messages.append((command.role or "", value))
        case "parameter":
            _set_parameter(result, command)
        case "template":
            result.template = value
        case "system":
            result.system = value
        case "renderer":
            result.renderer = value
        case "parser":
            result.parser = value
        case "requires":
            result.requires = check_requires(command)
        case "prompt":
            result.template = value
            result.warnings.append(Warning(command.line, command.column, "PROMPT is an old word for TEMPLATE"))


def _set_parameter(result: Build, command: Command) -> None:
    name = command.name or ""
    value = check_parameter(command)
    if PARAMETERS[name].retired:
        result.warnings.append(Warning(*command.argument_at, f"parameter {name} is deprecated and has no effect"))
    elif isinstance(value, list):
        old = result.parameters.setdefault(name, [])
        assert isinstance(old, list)
        old.extend(value)
    else:
        result.parameters[name] = value


def check_parameter(command: Command) -> Value:
    """The typed value of one PARAMETER command; raises ModelfileSyntaxError with its position."""
    name = command.name or ""
    try:
        return parse_parameter(name, command.value)
    except ParameterError as error:
        if name in PARAMETERS:
            raise _error(str(error), command.value_at, "BadValue", width=len(command.value)) from None
        raise _error(
            str(error),
            command.argument_at,
            "UnknownParameter",
            width=len(name),
            suggestion=nearest(name, PARAMETERS),
        ) from None


def check_requires(command: Command) -> str:
    """The version of a REQUIRES command without its ``v``; raises ModelfileSyntaxError with its position."""
    version = parse_version(command.value)
    if version is None:
        raise _error(_BAD_REQUIRES, command.value_at, "BadRequires", width=len(command.value))
    return version


def _warn_of_repeats(result: Build, commands: tuple[Command, ...]) -> None:
    seen: Counter[str] = Counter()
    for command in commands:
        word = "template" if command.word == PROMPT else command.word
        seen[word] += 1
        if word == "adapter" and seen[word] > 1:
            text = "ADAPTER is given more than once; the last one counts"
            result.warnings.append(Warning(command.line, command.column, text))


def _error(message: str, at: Position, kind: str, *, width: int, suggestion: str | None = None) -> ModelfileSyntaxError:
    return ModelfileSyntaxError(message, at.line, at.column, kind=kind, width=max(width, 1), suggestion=suggestion)
