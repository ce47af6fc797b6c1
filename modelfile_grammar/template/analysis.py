"""What a template's tree tells the server: what it uses, where an answer starts, how calls and thoughts look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from .errors import TemplateSyntaxError
from .syntax.nodes import (
    Action,
    Body,
    Call,
    Chain,
    Control,
    Define,
    Field,
    If,
    Item,
    Operand,
    Pipe,
    Range,
    Stage,
    Text,
    Variable,
    With,
)

TOOL_TAG = "{"
"""The start of a tool call when the template shows no other."""


def variables(bodies: dict[str, Body]) -> frozenset[str]:
    """Every name a template and the templates it defines mention, in lower case.

    A parenthesised pipeline that fields are taken of is not looked into.

    Raises:
        TemplateSyntaxError: ``{{ template "x" }}`` without a value.
    """
    return frozenset(name.lower() for body in bodies.values() for name in _names_of(body))


def _names_of(body: Body) -> Iterator[str]:
    for item in body:
        match item:
            case Action(pipe=pipe):
                yield from _names_in(pipe)
            case Control():
                yield from _names_in(item.pipe)
                yield from _names_of(item.body)
                yield from _names_of(item.otherwise or ())
            case Call():
                yield from _names_of_call(item)
            case Define(call=Call() as call):
                yield from _names_of_call(call)
            case _:
                pass


def _names_of_call(call: Call) -> Iterator[str]:
    if call.pipe is None:
        raise TemplateSyntaxError(1, "undefined template specified")
    yield from _names_in(call.pipe)


def _names_in(pipe: Pipe) -> Iterator[str]:
    yield from pipe.declared
    for operand in _operands(pipe):
        match operand:
            case Field(names=names):
                yield from names
            case Variable(name=name, names=names):
                yield name
                yield from names
            case Pipe():
                yield from _names_in(operand)
            case _:
                pass


def _operands(pipe: Pipe) -> Iterator[Operand]:
    for command in pipe.commands:
        yield from command.operands


# --- the cut ----------------------------------------------------------------------------------------------------------


def cut_at_response(body: Body) -> Body:
    """The template up to and with the first ``.Response``; the rest of its action and all that follows is gone."""
    return _cut(body)[0]


def _cut(body: Body) -> tuple[Body, bool]:
    kept: list[Item] = []
    for item in body:
        item, found = _cut_item(item)
        kept.append(item)
        if found:
            return tuple(kept), True
    return tuple(kept), False


def _cut_item(item: Item) -> tuple[Item, bool]:
    match item:
        case Action(pipe=pipe):
            shorter = _cut_pipe(pipe)
            return (replace(item, pipe=shorter), True) if shorter is not None else (item, False)
        case Control():
            return _cut_control(item)
        case _:
            return item, False


def _cut_control(item: Control) -> tuple[Item, bool]:
    body, found = _cut(item.body)
    if found:
        return replace(item, body=body, otherwise=None), True
    otherwise, found = _cut(item.otherwise or ())
    return (replace(item, otherwise=otherwise), True) if found else (item, False)


def _cut_pipe(pipe: Pipe) -> Pipe | None:
    for i, command in enumerate(pipe.commands):
        for j, operand in enumerate(command.operands):
            kept: Operand | None = None
            if isinstance(operand, Field) and "Response" in operand.names:
                kept = operand
            elif isinstance(operand, Pipe):
                kept = _cut_pipe(operand)
            if kept is not None:
                last = Stage(command.at, (*command.operands[:j], kept))
                return replace(pipe, commands=(*pipe.commands[:i], last))
    return None


# --- thinking ---------------------------------------------------------------------------------------------------------


def thinking_tags(body: Body) -> tuple[str, str]:
    """What stands around ``.Thinking`` of a message: the opening and the closing tag, empty where unknown."""
    found = ["", ""]
    _search_thinking(body, None, found)
    return found[0], found[1]


def _search_thinking(body: Body, loop: Range | None, found: list[str]) -> None:
    for item in body:
        match item:
            case Action(pipe=pipe) | Call(pipe=Pipe() as pipe):
                _note_thinking(pipe, loop, body, found)
            case Range():
                _note_thinking(item.pipe, item, body, found)
                _search_branches(item, item, found)
            case If() | With():
                _note_thinking(item.pipe, loop, body, found)
                _search_branches(item, loop, found)
            case _:
                pass


def _search_branches(item: Control, loop: Range | None, found: list[str]) -> None:
    _search_thinking(item.body, loop, found)
    _search_thinking(item.otherwise or (), loop, found)


def _note_thinking(pipe: Pipe, loop: Range | None, around: Body, found: list[str]) -> None:
    """If the pipeline shows the thoughts of a message, remember the text at both ends of the list around it."""
    if loop is None or not _mentions_first(loop.pipe, "Messages") or not _mentions_first(pipe, "Thinking"):
        return
    if around and isinstance(around[0], Text):
        found[0] = around[0].text.strip()
    if around and isinstance(around[-1], Text):
        found[1] = around[-1].text.strip()


def _mentions_first(pipe: Pipe, name: str) -> bool:
    """Whether a field chain anywhere in the pipeline starts with the name."""
    return any(
        (isinstance(one, Field) and one.names[0] == name)
        or (isinstance(one, Pipe) and _mentions_first(one, name))
        or (isinstance(one, Chain) and isinstance(one.base, Pipe) and _mentions_first(one.base, name))
        for one in _operands(pipe)
    )


# --- tool calls -------------------------------------------------------------------------------------------------------


def tool_call_tag(body: Body) -> str:
    """The text that starts a tool call, or an opening brace if the template shows none."""
    branch = _find_tool_branch(body)
    text = _first_text(branch.body)[0] if branch is not None else ""
    return text.replace("\r\n", "\n").split("{", 1)[0].strip() or TOOL_TAG


def _find_tool_branch(body: Body) -> If | None:
    for item in body:
        if not isinstance(item, Control):
            continue
        if isinstance(item, If) and _tests_tool_calls(item.pipe):
            return item
        found = _find_tool_branch(item.body) or _find_tool_branch(item.otherwise or ())
        if found is not None:
            return found
    return None


def _tests_tool_calls(pipe: Pipe) -> bool:
    return any(isinstance(one, Field) and "ToolCalls" in one.names for one in _operands(pipe))


def _first_text(body: Body) -> tuple[str, bool]:
    """The first text that is not blank, and whether the search is over."""
    for item in body:
        match item:
            case Text(text=text) if text.strip():
                return text, True
            case Control():
                text, _ = _first_text(item.body)
                return (text, True) if text else (_first_text(item.otherwise or ())[0], True)
            case Action(pipe=pipe) if not pipe.declared:
                return "", True
            case _:
                pass
    return "", False
