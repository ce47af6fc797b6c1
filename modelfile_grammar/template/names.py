"""Which names of the data a template asks for that the data never has."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .program import Program
from .syntax.lexer import column_of
from .syntax.nodes import Action, Body, Call, Chain, Define, Field, If, Operand, Pipe, Range, Variable, With


def unknown_names(program: Program, known: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Line, column (both from 1) and name of each field of the data itself that is none of ``known``.

    Named templates are not looked into: what their data is, their callers say.
    """
    text = program.text
    for at, name in _fields(program.bodies[""], top=True):
        if name not in known:
            yield 1 + text.count("\n", 0, at), column_of(text, at), name


def _fields(body: Body, *, top: bool) -> Iterator[tuple[int, str]]:
    """Offset and first name of field chains that start at the data. ``top``: dot is the data here."""
    for item in body:
        match item:
            case Action(pipe=pipe) | Call(pipe=Pipe() as pipe) | Define(call=Call(pipe=Pipe() as pipe)):
                yield from _in_pipe(pipe, top=top)
            case If():
                yield from _in_pipe(item.pipe, top=top)
                yield from _fields(item.body, top=top)
                yield from _fields(item.otherwise or (), top=top)
            case With() | Range():
                yield from _in_pipe(item.pipe, top=top)
                yield from _fields(item.body, top=False)
                yield from _fields(item.otherwise or (), top=top)
            case _:
                pass


def _in_pipe(pipe: Pipe, *, top: bool) -> Iterator[tuple[int, str]]:
    for command in pipe.commands:
        for operand in command.operands:
            yield from _in_operand(operand, top=top)


def _in_operand(operand: Operand, *, top: bool) -> Iterator[tuple[int, str]]:
    match operand:
        case Field(at=at, names=names) if top:
            yield at, names[0]
        case Variable(at=at, name="$", names=(first, *_)):
            yield at, first
        case Pipe():
            yield from _in_pipe(operand, top=top)
        case Chain(base=base):
            yield from _in_operand(base, top=top)
        case _:
            pass
