"""Compiles the items of templates to one list of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .expressions import Expressions, is_constant, last_operand
from .machine import Machine, Place, Step
from .scopes import Scopes
from .steps import (
    branch,
    call_template,
    enter_range,
    enter_with,
    evaluate_only,
    go_to,
    leave_template,
    next_element,
    nothing,
    print_value,
    restore_dot,
    setter,
    write_text,
)
from .syntax.nodes import Action, Body, Break, Call, Continue, Define, If, Pipe, Range, Text, With
from .values import Value

HEAVY = 16
"""Operands in one action from which on it counts as several steps."""


class _Label:
    """An address that is known only when everything before it is compiled."""

    __slots__ = ("address",)

    def __init__(self) -> None:
        self.address = 0


Factory = Callable[[], Step]


class Code:
    """The steps of all templates of one text, and where each template starts."""

    def __init__(self, bodies: Mapping[str, Body]) -> None:
        self._factories: list[Factory] = []
        self.entries: dict[str, tuple[int, int]] = {}
        """Name to first step and size of the frame."""

        for name, body in bodies.items():
            start = len(self._factories)
            self.entries[name] = start, _Template(name, self).compile(body)
        self.steps = [factory() for factory in self._factories]

    def emit(self, factory: Factory) -> None:
        """Add a step; it is made when all addresses are known."""
        self._factories.append(factory)

    def place(self, label: _Label) -> None:
        label.address = len(self._factories)

    def next(self) -> int:
        """The address after the step about to be emitted."""
        return len(self._factories) + 1


class _Template:
    """Compiles one template of the text."""

    def __init__(self, name: str, code: Code) -> None:
        self.name, self.code = name, code
        self.scopes = Scopes()
        self.expressions = Expressions(name, self.scopes)
        self.loops: list[tuple[_Label, _Label]] = []

    def compile(self, body: Body) -> int:
        """Emit everything; the size of the frame it needs."""
        self._body(body)
        self.code.emit(lambda: leave_template)
        return self.scopes.size

    def _body(self, body: Body) -> None:
        for item in body:
            match item:
                case Text(text=text):
                    self.code.emit(_fixed(write_text(text, self.code.next())))
                case Action():
                    self._action(item)
                case If():
                    self._if(item)
                case With():
                    self._with(item)
                case Range():
                    self._range(item)
                case Call():
                    self._call(item)
                case Break():
                    self._jump(self.loops[-1][1])
                case Continue():
                    self._jump(self.loops[-1][0])
                case Define(call=call):
                    if call is not None:
                        self._call(call)

    def _action(self, action: Action) -> None:
        self._weigh(action.pipe)
        value = self.expressions.pipeline(action.pipe)
        after = self.code.next()
        place = Place(self.name, action.pipe.commands[0])
        done = (
            evaluate_only(value, after)
            if action.pipe.declared
            else print_value(value, after, place, constant=is_constant(action.pipe))
        )
        self.code.emit(_fixed(done))

    def _if(self, node: If) -> None:
        mark = self.scopes.mark()
        self._weigh(node.pipe)
        value, after, otherwise = self.expressions.pipeline(node.pipe), self.code.next(), _Label()
        self.code.emit(lambda: branch(value, after, otherwise.address))
        self._branches(node.body, otherwise, node.otherwise)
        self.scopes.leave(mark)

    def _with(self, node: With) -> None:
        mark = self.scopes.mark()
        self._weigh(node.pipe)
        value, after, otherwise = self.expressions.pipeline(node.pipe), self.code.next(), _Label()
        slot = self.scopes.reserve()
        self.code.emit(lambda: enter_with(value, slot, after, otherwise.address))
        restore = _fixed_later(lambda after: restore_dot(slot, after))
        self._branches(node.body, otherwise, node.otherwise, restore)
        self.scopes.leave(mark)

    def _branches(
        self,
        body: Body,
        otherwise: _Label,
        other: Body | None,
        leave: Callable[[int], Factory] | None = None,
    ) -> None:
        """The body, then ``leave``, then the other branch; each sees only the variables of the condition."""
        end, mark = _Label(), self.scopes.mark()
        self._body(body)
        if leave is not None:
            self.code.emit(leave(self.code.next()))
        self.scopes.leave(mark)
        if other:
            self._jump(end)
        self.code.place(otherwise)
        if other:
            self._body(other)
        self.code.place(end)

    def _range(self, node: Range) -> None:
        mark = self.scopes.mark()
        self._weigh(node.pipe)
        value = self.expressions.pipeline(node.pipe)
        state, dot = self.scopes.reserve(), self.scopes.reserve()
        again, done, otherwise, end = _Label(), _Label(), _Label(), _Label()
        pairs = len(node.pipe.declared) == 2
        place = Place(self.name, last_operand(node.pipe))
        after = self.code.next()
        self.code.emit(lambda: enter_range(value, state, dot, pairs, place, after, otherwise.address))
        self.code.place(again)
        stores = self._loop_variables(node.pipe)
        first_unsure, inner = len(self.scopes.unsure), self.code.next()
        forget: list[int] = []
        self.code.emit(lambda: next_element(state, stores, pairs, forget, inner, done.address))
        self.loops.append((again, done))
        body_mark = self.scopes.mark()
        self._body(node.body)
        self.scopes.leave(body_mark)
        self.loops.pop()
        forget.extend(self.scopes.unsure[first_unsure:])
        self._jump(again)
        self.code.place(done)
        restored = self.code.next()
        self.code.emit(_fixed(restore_dot(dot, restored)))
        self._jump(end)
        self.code.place(otherwise)
        self._body(node.otherwise or ())
        self.code.place(end)
        self.scopes.leave(mark)

    def _loop_variables(self, pipe: Pipe) -> list[Callable[[Machine, Value], None]]:
        """How an iteration sets its variables: index or key first, if there are two."""
        if pipe.assigns:
            return [self.expressions.assign(name, pipe) for name in pipe.declared]
        return [setter(slot) for slot in self.scopes.last(len(pipe.declared))]

    def _call(self, call: Call) -> None:
        value = self.expressions.kept(call.pipe) if call.pipe is not None else nothing
        after, place, entries = self.code.next(), Place(self.name, call), self.code.entries
        self.code.emit(_fixed(call_template(call.name, value, after, place, entries)))

    def _jump(self, label: _Label) -> None:
        self.code.emit(lambda: go_to(label.address))

    def _weigh(self, pipe: Pipe) -> None:
        """An action with very many operands takes as many steps."""
        extra = _operands(pipe) // HEAVY
        for _ in range(extra):
            self.code.emit(_fixed(go_to(self.code.next())))


def _operands(pipe: Pipe) -> int:
    inner = [one for command in pipe.commands for one in command.operands]
    return len(inner) + sum(_operands(one) for one in inner if isinstance(one, Pipe))


def _fixed(step: Step) -> Factory:
    return lambda: step


def _fixed_later(make: Callable[[int], Step]) -> Callable[[int], Factory]:
    return lambda after: _fixed(make(after))
