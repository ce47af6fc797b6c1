"""Everything ``lint`` can say about a Modelfile. What needs the file system is asked from the caller."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Protocol

from .build import check_parameter, check_requires
from .errors import ModelfileSyntaxError, Position
from .formatter import format_modelfile
from .parameters import PARAMETERS
from .parser import parse
from .ranges import out_of_range
from .source import LINE_BREAK, decode
from .template import Template, TemplateSyntaxError
from .tree import Command, Instruction, Modelfile
from .words import INSTRUCTIONS, PROMPT

MOST_SYNTAX_ERRORS = 50
_ONCE = ("system", "template", "requires", "adapter", "renderer", "parser")
_PATHS = ("from", "adapter", "draft")

_SYNTAX_CODES = {
    "NoFrom": "E001",
    "UnknownInstruction": "E002",
    "BadRole": "E003",
    "Unterminated": "E004",
    "UnknownParameter": "E005",
    "BadValue": "E005",
    "BadParameterName": "E005",
    "BadRequires": "E007",
    "MissingValue": "E010",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. Lines and columns count from 1; the end is one past the last character."""

    line: int
    column: int
    end_line: int
    end_column: int
    severity: str
    code: str
    message: str
    fix: str | None = None
    """A text that may stand there instead."""

    def to_dict(self, file: str) -> dict[str, object]:
        """For JSON; ``fix`` only if there is one."""
        values = {"file": file, **asdict(self)}
        if self.fix is None:
            del values["fix"]
        return values


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


def lint(source: bytes | str, files: Files | None = None) -> list[Finding]:
    """All findings, in file order.

    Args:
        files: answers about files; without it, rules that need them are left out.
    """
    text = decode(source)
    tree, findings = _parse_what_parses(text)
    commands = tree.commands
    if not findings and not any(command.word == "from" for command in commands):
        findings.append(_finding("E001", "no FROM line", Position(1, 1)))
    for instruction in tree.instructions:
        findings += _check(instruction)
    findings += _repeats(commands)
    findings += _stops(commands)
    if files is not None:
        findings += _check_files(commands, files)
    if not any(finding.severity == "error" for finding in findings):
        findings += _layout(tree, text)
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.code))


def _finding(code: str, message: str, at: Position, width: int = 1, fix: str | None = None) -> Finding:
    severity = {"E": "error", "W": "warning", "I": "info"}[code[0]]
    return Finding(at.line, at.column, at.line, at.column + max(width, 1), severity, code, message, fix)


# --- syntax -----------------------------------------------------------------------------------------------------------


def _parse_what_parses(text: str) -> tuple[Modelfile, list[Finding]]:
    """The tree without the lines that do not parse, and a finding for each of those."""
    findings: list[Finding] = []
    lines = _split_lines(text)
    while True:
        try:
            return parse("".join(lines), require_from=False), findings
        except ModelfileSyntaxError as error:
            findings.append(_syntax(error))
            if error.kind == "Unterminated" or len(findings) >= MOST_SYNTAX_ERRORS:
                del lines[error.line - 1 :]
            else:
                lines[error.line - 1] = "\n"


def _split_lines(text: str) -> list[str]:
    lines, start = [], 0
    for found in LINE_BREAK.finditer(text):
        lines.append(text[start : found.end()])
        start = found.end()
    return [*lines, text[start:]]


def _syntax(error: ModelfileSyntaxError) -> Finding:
    message = error.message
    if error.kind == "UnknownInstruction" and not message.startswith("deprecated"):
        written = error.source_line[error.column - 1 :].split(maxsplit=1)[0]
        message = f"unknown instruction {written}: {', '.join(_nearest_first(written))}"
    at = Position(error.line, error.column)
    return _finding(_SYNTAX_CODES[error.kind], message, at, error.width, error.suggestion)


def _nearest_first(word: str) -> list[str]:
    """All instructions, the likeliest one first."""
    return sorted((name.upper() for name in INSTRUCTIONS), key=lambda name: -_likeness(name, word.upper()))


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b[:64]).ratio()


# --- one instruction at a time ----------------------------------------------------------------------------------------


def _check(instruction: Instruction) -> Iterator[Finding]:
    command = instruction.command
    if instruction.closes_late:
        yield _finding("W108", "the value goes on past a closing quote on its first line", command.value_at)
    match command.word:
        case "parameter":
            yield from _parameter(command)
        case "requires":
            yield from _guarded(check_requires, command)
        case "template" | "prompt":
            yield from _template(instruction)
    if command.word == PROMPT:
        message = "PROMPT is an old word for TEMPLATE"
        yield _finding("W101", message, Position(command.line, command.column), len(PROMPT), "TEMPLATE")


def _guarded(check: Callable[[Command], object], command: Command) -> Iterator[Finding]:
    try:
        check(command)
    except ModelfileSyntaxError as error:
        yield _syntax(error)


def _parameter(command: Command) -> Iterator[Finding]:
    wrong = list(_guarded(check_parameter, command))
    yield from wrong
    name = command.name or ""
    if wrong:
        return
    if PARAMETERS[name].retired:
        yield _finding("W101", f"parameter {name} is deprecated and has no effect", command.argument_at, len(name))
        return
    complaint = out_of_range(name, check_parameter(command))
    if complaint:
        yield _finding("W105", complaint, command.value_at, len(command.value))


def _template(instruction: Instruction) -> Iterator[Finding]:
    command = instruction.command
    try:
        template = Template.parse(command.value)
    except TemplateSyntaxError as error:
        yield _finding("E009", f"template error: {error.message}", _inside(instruction, error))
        return
    if not template.variables & {"messages", "prompt"}:
        message = "the template uses neither .Messages nor .Prompt, so the model never sees the question"
        yield _finding("W103", message, Position(command.line, command.column), len(command.word))


def _inside(instruction: Instruction, error: TemplateSyntaxError) -> Position:
    """The place of a template's error in the file."""
    start = instruction.command.value_at
    quotes = len(instruction.body) - len(instruction.body.lstrip('"'))
    lead = min(quotes, 3) if quotes >= 3 else min(quotes, 1)
    if error.line == 1:
        return Position(start.line, start.column + lead + max(error.column - 1, 0))
    return Position(start.line + error.line - 1, max(error.column, 1))


# --- several instructions ---------------------------------------------------------------------------------------------


def _repeats(commands: tuple[Command, ...]) -> Iterator[Finding]:
    seen: set[str] = set()
    for command in commands:
        word = "template" if command.word == PROMPT else command.word
        if word in seen:
            message = f"{word.upper()} is given more than once; the last one counts"
            yield _finding("W102", message, Position(command.line, command.column), len(command.word))
        elif word in _ONCE:
            seen.add(word)


def _stops(commands: tuple[Command, ...]) -> Iterator[Finding]:
    seen: set[str] = set()
    for command in commands:
        if command.word != "parameter" or command.name != "stop":
            continue
        if not command.value:
            yield _finding("W106", "an empty stop text ends nothing", command.value_at)
        elif command.value in seen:
            yield _finding("W106", f"stop {json.dumps(command.value)} is given twice", command.value_at)
        seen.add(command.value)


def _layout(tree: Modelfile, text: str) -> Iterator[Finding]:
    formatted = format_modelfile(tree)
    if formatted == text:
        return
    ours, theirs = formatted.split("\n"), text.split("\n")
    pairs = zip(ours, theirs, strict=False)
    line = next((i for i, (a, b) in enumerate(pairs, 1) if a != b), min(len(ours), len(theirs)))
    yield _finding("I201", "formatting differs from fmt", Position(line, 1))


# --- files ------------------------------------------------------------------------------------------------------------


def _check_files(commands: tuple[Command, ...], files: Files) -> Iterator[Finding]:
    bases = [command for command in commands if command.word == "from"]
    for command in commands:
        if command.word in _PATHS:
            yield from _path(command, bases, files)
    yield from _context(commands, bases, files)
    yield from _adapted(commands, bases, files)


def _path(command: Command, bases: list[Command], files: Files) -> Iterator[Finding]:
    value, width = command.value, len(command.value)
    if files.exists(value) is False and (command.word != "from" or not files.is_model_name(value)):
        what = "no such file, and not the name of a model" if command.word == "from" else "no such file or folder"
        yield _finding("E006", f"{value}: {what}", command.value_at, width)
    elif command.word == "draft" and any(files.same(value, base.value) for base in bases):
        message = f"DRAFT must not reference the same local path as FROM: {value}"
        yield _finding("E008", message, command.value_at, width)


def _context(commands: tuple[Command, ...], bases: list[Command], files: Files) -> Iterator[Finding]:
    trained = files.context_length(bases[-1].value) if bases else None
    if trained is None:
        return
    for command in commands:
        if command.word == "parameter" and command.name == "num_ctx" and not list(_guarded(check_parameter, command)):
            asked = check_parameter(command)
            if isinstance(asked, int) and asked > trained:
                message = f"num_ctx {asked} is more than the {trained} tokens the model was trained on"
                yield _finding("W104", message, command.value_at, len(command.value))


def _adapted(commands: tuple[Command, ...], bases: list[Command], files: Files) -> Iterator[Finding]:
    bits = files.bits_per_weight(bases[-1].value) if bases else None
    if bits is None or bits >= HEAVILY_QUANTIZED:
        return
    for command in commands:
        if command.word == "adapter":
            message = f"the base has {bits:.1f} bits per weight; an adapter fits worse the fewer there are"
            yield _finding("W107", message, command.value_at, len(command.value))


HEAVILY_QUANTIZED = 4.5
"""Bits per weight below which an adapter, which was trained beside 16-bit weights, loses noticeably."""
