"""Compiles the items of templates to one list of instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

from .errors import CallError, TemplateRunError
from .expressions import UNSET, Evaluate, Expressions
from .gotext.text import text_of
from .machine import END, Failure, Instruction, Machine, Place
from .scopes import Scopes
from .syntax.nodes import Action, Body, Break, Call, Continue, Define, If, Pipe, Range, Text, With
from .values import NO_VALUE, Byte, Value, is_list, is_map, sorted_keys, truth

HEAVY = 16
"""Operands in one action from which on it counts as several steps."""


class _Label:
    """An address that is known only when everything before it is compiled."""

    __slots__ = ("address",)

    def __init__(self) -> None:
        self.address = 0


Factory = Callable[[], Instruction]


class Code:
    """The instructions of all templates of one text, and where each template starts."""

    def __init__(self, bodies: Mapping[str, Body]) -> None:
        self._factories: list[Factory] = []
        self.entries: dict[str, tuple[int, int]] = {}
        """Name to first instruction and size of the frame."""

        for name, body in bodies.items():
            start = len(self._factories)
            self.entries[name] = start, _Template(name, self).compile(body)
        self.instructions = [factory() for factory in self._factories]

    def emit(self, factory: Factory) -> None:
        """Add an instruction; it is made when all addresses are known."""
        self._factories.append(factory)

    def place(self, label: _Label) -> None:
        label.address = len(self._factories)

    def next(self) -> int:
        """The address after the instruction about to be emitted."""
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
        self.code.emit(lambda: _return)
        return self.scopes.size

    def _body(self, body: Body) -> None:
        for item in body:
            match item:
                case Text(text=text):
                    self.code.emit(_fixed(_write_text(text, self.code.next())))
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
        self.code.emit(_fixed(_evaluate(value, after) if action.pipe.declared else _print(value, after, place)))

    def _if(self, node: If) -> None:
        mark = self.scopes.mark()
        self._weigh(node.pipe)
        value, after, otherwise = self.expressions.pipeline(node.pipe), self.code.next(), _Label()
        self.code.emit(lambda: _branch(value, after, otherwise.address))
        self._branches(node.body, otherwise, node.otherwise)
        self.scopes.leave(mark)

    def _with(self, node: With) -> None:
        mark = self.scopes.mark()
        self._weigh(node.pipe)
        value, after, otherwise = self.expressions.pipeline(node.pipe), self.code.next(), _Label()
        slot = self.scopes.reserve()
        self.code.emit(lambda: _enter_with(value, slot, after, otherwise.address))
        restore = _fixed_later(lambda after: _restore_dot(slot, after))
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
        place = Place(self.name, node.pipe.commands[0])
        after = self.code.next()
        self.code.emit(lambda: _enter_range(value, state, dot, pairs, place, after, otherwise.address))
        self.code.place(again)
        stores = self._loop_variables(node.pipe)
        first_unsure, inner = len(self.scopes.unsure), self.code.next()
        forget: list[int] = []
        self.code.emit(lambda: _next_element(state, stores, pairs, forget, inner, done.address))
        self.loops.append((again, done))
        body_mark = self.scopes.mark()
        self._body(node.body)
        self.scopes.leave(body_mark)
        self.loops.pop()
        forget.extend(self.scopes.unsure[first_unsure:])
        self._jump(again)
        self.code.place(done)
        restored = self.code.next()
        self.code.emit(_fixed(_restore_dot(dot, restored)))
        self._jump(end)
        self.code.place(otherwise)
        self._body(node.otherwise or ())
        self.code.place(end)
        self.scopes.leave(mark)

    def _loop_variables(self, pipe: Pipe) -> list[Callable[[Machine, Value], None]]:
        """How an iteration sets its variables: index or key first, if there are two."""
        if pipe.assigns:
            return [self.expressions.assign(name, pipe) for name in pipe.declared]
        slots = [slot for _, slot, _ in self.scopes.names[len(self.scopes.names) - len(pipe.declared) :]]
        return [_setter(slot) for slot in slots]

    def _call(self, call: Call) -> None:
        value = self.expressions.kept(call.pipe) if call.pipe is not None else _nothing
        after, place, entries = self.code.next(), Place(self.name, call), self.code.entries
        self.code.emit(_fixed(_call_template(call.name, value, after, place, entries)))

    def _jump(self, label: _Label) -> None:
        self.code.emit(lambda: _goto(label.address))

    def _weigh(self, pipe: Pipe) -> None:
        """An action with very many operands takes as many steps."""
        extra = _operands(pipe) // HEAVY
        for _ in range(extra):
            self.code.emit(_fixed(_goto(self.code.next())))


def _operands(pipe: Pipe) -> int:
    inner = [one for command in pipe.commands for one in command.operands]
    return len(inner) + sum(_operands(one) for one in inner if isinstance(one, Pipe))


def _fixed(instruction: Instruction) -> Factory:
    return lambda: instruction


def _fixed_later(make: Callable[[int], Instruction]) -> Callable[[int], Factory]:
    return lambda after: _fixed(make(after))


# --- instructions -----------------------------------------------------------------------------------------------------


def _nothing(machine: Machine) -> Value:
    return NO_VALUE


def _goto(address: int) -> Instruction:
    return lambda machine: address


def _write_text(text: str, after: int) -> Instruction:
    length = len(text)

    def run(machine: Machine) -> int:
        machine.out.append(text)
        machine.charge(length)
        return after

    return run


def _evaluate(value: Evaluate, after: int) -> Instruction:
    def run(machine: Machine) -> int:
        value(machine)
        return after

    return run


def _print(value: Evaluate, after: int, place: Place) -> Instruction:
    def run(machine: Machine) -> int:
        result = value(machine)
        if type(result) is str:
            text = result
        else:
            try:
                text = text_of(result)
            except CallError as error:
                raise Failure(str(error), place) from None
        machine.out.append(text)
        machine.charge(len(text))
        return after

    return run


def _branch(value: Evaluate, after: int, otherwise: int) -> Instruction:
    def run(machine: Machine) -> int:
        return after if truth(value(machine)) else otherwise

    return run


def _enter_with(value: Evaluate, slot: int, after: int, otherwise: int) -> Instruction:
    def run(machine: Machine) -> int:
        result = value(machine)
        if not truth(result):
            return otherwise
        machine.vars[slot] = machine.dot
        machine.dot = result
        return after

    return run


def _restore_dot(slot: int, after: int) -> Instruction:
    def run(machine: Machine) -> int:
        machine.dot = machine.vars[slot]
        return after

    return run


def _enter_range(
    value: Evaluate, state: int, dot: int, pairs: bool, place: Place, after: int, otherwise: int
) -> Instruction:
    def run(machine: Machine) -> int:
        result = value(machine)
        elements = _elements(machine, result, pairs, place)
        if elements is None:
            return otherwise
        machine.vars[state] = elements
        machine.vars[dot] = machine.dot
        return after

    return run


def _elements(machine: Machine, value: Value, pairs: bool, place: Place) -> Iterator[object] | None:
    """The elements to go through, with their index or key if wanted; nothing when there are none."""
    if is_list(value):
        return (enumerate(value) if pairs else iter(value)) if value else None
    if is_map(value):
        return _entries(machine, value, pairs) if value else None
    if type(value) is int or type(value) is Byte:
        if pairs:
            raise Failure(f"can't use {value} to iterate over more than one variable", place)
        return map(type(value), range(value)) if value > 0 else None
    if value is None or value is NO_VALUE:
        return None
    try:
        shown = text_of(value)
    except CallError as error:
        raise Failure(str(error), place) from None
    raise Failure(f"range can't iterate over {shown}", place)


def _entries(machine: Machine, value: Mapping[str, Value], pairs: bool) -> Iterator[object]:
    machine.charge(len(value))
    try:
        keys = sorted_keys(value)
    except TypeError:
        raise TemplateRunError("a map has a key that is not a string") from None
    return iter([(key, value[key]) if pairs else value[key] for key in keys])


_DONE = object()


def _next_element(
    state: int,
    stores: list[Callable[[Machine, Value], None]],
    pairs: bool,
    forget: list[int],
    after: int,
    done: int,
) -> Instruction:
    def run(machine: Machine) -> int:
        element = next(machine.vars[state], _DONE)  # type: ignore[call-overload]
        if element is _DONE:
            return done
        for slot in forget:
            machine.vars[slot] = UNSET
        if pairs:
            index, element = element
            stores[0](machine, index)
            stores[1](machine, element)
        elif stores:
            stores[0](machine, element)
        machine.dot = element
        return after

    return run


def _setter(slot: int) -> Callable[[Machine, Value], None]:
    def store(machine: Machine, value: Value) -> None:
        machine.vars[slot] = value

    return store


def _call_template(
    name: str, value: Evaluate, after: int, place: Place, entries: Mapping[str, tuple[int, int]]
) -> Instruction:
    def run(machine: Machine) -> int:
        entry = entries.get(name)
        if entry is None:
            raise Failure(f'template "{name}" not defined', place)
        if len(machine.calls) >= machine.limits.depth:
            raise Failure(f"exceeded maximum template depth ({machine.limits.depth})", place)
        dot = value(machine)
        machine.calls.append((after, machine.vars, machine.dot))
        start, size = entry
        machine.vars = [dot, *repeat(UNSET, size - 1)]
        machine.dot = dot
        return start

    return run


def _return(machine: Machine) -> int:
    if not machine.calls:
        return END
    after, machine.vars, machine.dot = machine.calls.pop()
    return after
