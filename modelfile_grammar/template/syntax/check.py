"""What the grammar cannot see: names that do not exist, and ``break`` outside a loop."""

from __future__ import annotations

from collections import Counter

from ..errors import TemplateSyntaxError
from ..functions import FUNCTIONS
from .lexer import column_of
from .nodes import (
    Action,
    Body,
    Break,
    Call,
    Chain,
    Continue,
    Control,
    Define,
    Function,
    Item,
    Operand,
    Pipe,
    Range,
    Text,
    Variable,
)


def collect(text: str, items: Body) -> dict[str, Body]:
    """The templates of a text by name, the main one under the empty name.

    Raises:
        TemplateSyntaxError: an unknown function or variable, a stray break, a template defined twice.
    """
    return _Check(text).run(items)


class Names:
    """The variables declared at one point, innermost last. Constant time, however many there are."""

    def __init__(self, names: list[str]) -> None:
        self._order = list(names)
        self._counts = Counter(names)

    def declare(self, name: str) -> None:
        self._order.append(name)
        self._counts[name] += 1

    def mark(self) -> int:
        return len(self._order)

    def leave(self, mark: int) -> None:
        while len(self._order) > mark:
            self._counts[self._order.pop()] -= 1

    def __contains__(self, name: str) -> bool:
        return self._counts[name] > 0


class _Check:
    def __init__(self, text: str) -> None:
        self.text = text
        self.templates: dict[str, Body] = {}

    def run(self, items: Body) -> dict[str, Body]:
        self._template("", items, 0)
        return self.templates

    def _template(self, name: str, body: Body, at: int) -> None:
        """A template's body has variables and loops of its own."""
        self._body(body, Names(["$"]), 0)
        known = self.templates.get(name)
        if known is None or _is_empty(known):
            self.templates[name] = body
        elif not _is_empty(body):
            self._fail(at, f'template: multiple definition of template "{name}"')

    def _body(self, body: Body, variables: Names, loops: int) -> None:
        for item in body:
            match item:
                case Action(pipe=pipe):
                    self._pipe(pipe, variables)
                case Control():
                    self._control(item, variables, loops)
                case Call(pipe=Pipe() as pipe):
                    self._pipe(pipe, variables)
                case Define():
                    self._define(item, variables)
                case Break() | Continue() if not loops:
                    word = "break" if isinstance(item, Break) else "continue"
                    self._fail(item.at, f"{{{{{word}}}}} outside {{{{range}}}}")
                case _:
                    pass

    def _control(self, node: Control, variables: Names, loops: int) -> None:
        """Variables of the first branch are still known in the other one, until the end."""
        mark = variables.mark()
        self._pipe(node.pipe, variables)
        self._body(node.body, variables, loops + isinstance(node, Range))
        self._body(node.otherwise or (), variables, loops)
        variables.leave(mark)

    def _define(self, node: Define, variables: Names) -> None:
        if node.call is not None and node.call.pipe is not None:
            self._pipe(node.call.pipe, variables)
        self._template(node.name, node.body, node.at)

    def _pipe(self, pipe: Pipe, variables: Names) -> None:
        for name in pipe.declared:
            variables.declare(name)
        for command in pipe.commands:
            for operand in command.operands:
                self._operand(operand, variables)

    def _operand(self, operand: Operand, variables: Names) -> None:
        match operand:
            case Pipe():
                self._pipe(operand, variables)
            case Chain(base=base):
                self._operand(base, variables)
            case Function(name=name) if name not in FUNCTIONS:
                self._fail(operand.at, f'function "{name}" not defined')
            case Variable(name=name) if name not in variables:
                self._fail(operand.at, f'undefined variable "{name}"')
            case _:
                pass

    def _fail(self, at: int, message: str) -> None:
        line = 1 + self.text.count("\n", 0, at)
        raise TemplateSyntaxError(line, message, column_of(self.text, at))


def _is_empty(body: Body) -> bool:
    """Nothing but white space, as a template that only defines others."""
    return all(_is_blank(item) for item in body)


def _is_blank(item: Item) -> bool:
    if isinstance(item, Text):
        return not item.text.strip()
    return isinstance(item, Define) and item.call is None
