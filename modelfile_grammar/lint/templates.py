"""Rules about TEMPLATE: it must parse, show the question, know its names, and survive an ordinary conversation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import Position
from ..source import line_of
from ..template import Limits, Template, TemplateRunError, TemplateSyntaxError, render_prompt
from ..template.names import unknown_names
from ..template.prompt import ROOT_NAMES
from ..template.records import FIELD_NAMES
from ..tree import Instruction
from ..words import PROMPT, nearest
from .findings import Finding

_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string", "description": "Its name", "enum": ["Oslo", "Rome"]}},
        },
    },
}
_CALL = {"id": "call_1", "function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}
_CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Is it raining in Oslo?", "images": ["image"]},
    {"role": "assistant", "content": "", "thinking": "Let me look.", "tool_calls": [_CALL]},
    {"role": "tool", "content": "rain", "tool_name": "get_weather", "tool_call_id": "call_1"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Thanks."},
]
_REQUESTS: tuple[dict[str, Any], ...] = (
    {"messages": _CONVERSATION[-1:]},
    {"messages": _CONVERSATION, "tools": [_TOOL], "think": True, "think_level": "medium"},
)
_FILLING_IN: dict[str, Any] = {"prompt": "def f(x):", "suffix": "return y"}
_NO_FIELD = re.compile(r"can't evaluate field (\w+) in type (.+)")
_LIMITS = Limits(steps=100_000, output=1 << 20)


def check_template(instruction: Instruction) -> Iterator[Finding]:
    """What is wrong with the template of a TEMPLATE or PROMPT; nothing for other instructions."""
    command = instruction.command
    if command.word not in ("template", PROMPT):
        return
    try:
        template = Template.parse(command.value)
    except TemplateSyntaxError as error:
        at = _inside(instruction, error.line, error.column)
        yield Finding.at("E009", f"template error: {error.message}", at)
        return
    if not template.variables & {"messages", "prompt"}:
        message = "the template uses neither .Messages nor .Prompt, so the model never sees the question"
        yield Finding.at("W103", message, Position(command.line, command.column), len(command.word))
    yield from _names(template, instruction)
    yield from _trial(template, instruction)


def _names(template: Template, instruction: Instruction) -> Iterator[Finding]:
    for line, column, name in unknown_names(template.program, ROOT_NAMES):
        fix = _meant(name, ROOT_NAMES)
        message = f".{name} is nothing that a template gets, so it is always empty{_question(fix)}"
        yield Finding.at("W109", message, _inside(instruction, line, column), len(name) + 1, fix)


def _trial(template: Template, instruction: Instruction) -> Iterator[Finding]:
    """Render what requests may bring; the first failure is enough."""
    requests = (*_REQUESTS, _FILLING_IN) if "insert" in template.capabilities else _REQUESTS
    for request in requests:
        try:
            render_prompt(template, **request, limits=_LIMITS)
        except TemplateRunError as error:
            yield _failed(template, instruction, error)
            return


def _failed(template: Template, instruction: Instruction, error: TemplateRunError) -> Finding:
    at = _inside(instruction, error.line, error.column)
    wrong = _NO_FIELD.fullmatch(error.message)
    fix = _meant(wrong[1], FIELD_NAMES.get(wrong[2], ())) if wrong else None
    message = f"the template fails on an ordinary conversation: {error.message}{_question(fix)}"
    if wrong and line_of(template.text, error.line).startswith(f".{wrong[1]}", error.column - 1):
        return Finding.at("W110", message, at, len(wrong[1]) + 1, fix)
    return Finding.at("W110", message, at)  # the field stands somewhere in the action


def _meant(name: str, known: Iterable[str]) -> str | None:
    near = nearest(name, known)
    return f".{near}" if near else None


def _question(fix: str | None) -> str:
    return f"; did you mean {fix}?" if fix else ""


def _inside(instruction: Instruction, line: int, column: int) -> Position:
    """The place in the file of a place in the template; both from 1, the column 0 where it is not known."""
    start = instruction.command.value_at
    quotes = len(instruction.body) - len(instruction.body.lstrip('"'))
    lead = min(quotes, 3) if quotes >= 3 else min(quotes, 1)
    if line == 1:
        return Position(start.line, start.column + lead + max(column - 1, 0))
    return Position(start.line + line - 1, max(column, 1))
