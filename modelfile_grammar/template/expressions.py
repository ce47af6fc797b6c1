"""Compiles pipelines to closures that take the machine and give a value.

A value may be None (a nil entry of a map) or NO_VALUE (nothing at all). A pipeline's result turns the first into
the second wherever it is kept: in a variable, as dot of a template, as the base of a field.
"""

from __future__ import annotations

from collections.abc import Callable

from .closures import (
    Evaluate,
    after,
    dot_fields,
    equal_call,
    equal_to_literal,
    field_of,
    fields,
    piped_call,
    plain_call,
    raising,
    settled,
    template_text,
    wrong_count,
)
from .functions import FUNCTIONS
from .machine import Failure, Machine, Place
from .scopes import Scopes
from .syntax.nodes import (
    Chain,
    Dot,
    Field,
    Function,
    HugeNumber,
    Literal,
    Nil,
    Operand,
    Pipe,
    Stage,
    Variable,
)
from .values import NO_VALUE, TemplateText, Value, is_map, is_text, truth, type_name


def last_operand(pipe: Pipe) -> Operand:
    """What a pipeline evaluates last: where Go sees an error of its value."""
    operand = pipe.commands[-1].operands[-1]
    return last_operand(operand) if isinstance(operand, Pipe) else operand


def is_constant(operand: Operand) -> bool:
    """Whether the value depends on nothing but the text of the template, and perhaps the date."""
    match operand:
        case Literal() | HugeNumber() | Nil() | Function():
            return True
        case Pipe(commands=commands):
            return all(is_constant(one) for command in commands for one in command.operands)
        case _:
            return False


class _Unset:
    """What a slot holds before its declaration has happened."""


UNSET = _Unset()


class Expressions:
    """Compiles the expressions of one template, in document order, so that names resolve as they stand there."""

    def __init__(self, template: str, scopes: Scopes) -> None:
        self.template, self.scopes = template, scopes

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def pipeline(self, pipe: Pipe, *, sure: bool = True) -> Evaluate:
        """The value of a pipeline; its variables are declared from here on.

        Args:
            sure: the pipeline is evaluated whenever control comes past it.
        """
        first, *rest = pipe.commands
        value = self._command(first, None)
        for command in rest:
            value = self._command(command, value)
        if isinstance(pipe.commands[-1].operands[0], Function) and is_constant(pipe):
            value = template_text(value)
        if not pipe.declared:
            return value
        return self._storing(pipe, value, sure)

    def kept(self, pipe: Pipe) -> Evaluate:
        """A pipeline whose value is kept, so that None becomes NO_VALUE."""
        return settled(self.pipeline(pipe))

    def _storing(self, pipe: Pipe, value: Evaluate, sure: bool) -> Evaluate:
        value = settled(value)
        if pipe.assigns:
            stores = [self.assign(name, pipe) for name in pipe.declared]

            def assigning(machine: Machine) -> Value:
                result = value(machine)
                for store in stores:
                    store(machine, result)
                return result

            return assigning
        slots = [self.scopes.declare(name, sure=sure) for name in pipe.declared]

        def declaring(machine: Machine) -> Value:
            result = value(machine)
            for slot in slots:
                machine.vars[slot] = result
            return result

        return declaring

    def assign(self, name: str, pipe: Pipe) -> Callable[[Machine, Value], None]:
        """Sets the innermost variable of that name that exists."""
        slots = self.scopes.find(name)
        place = self._place(last_operand(pipe))

        def store(machine: Machine, value: Value) -> None:
            for slot in slots:
                if machine.vars[slot] is not UNSET:
                    machine.vars[slot] = value
                    return
            raise Failure(f"undefined variable: {name}", place)

        return store

    # --- commands -----------------------------------------------------------------------------------------------------

    def _command(self, command: Stage, final: Evaluate | None) -> Evaluate:
        """A command; ``final`` is the value piped into it, its last argument."""
        first, *arguments = command.operands
        has_arguments = bool(arguments) or final is not None
        if isinstance(first, Function):
            return self._call(first, command, tuple(arguments), final)
        if not has_arguments:
            return self._operand(first, command=True)
        if isinstance(first, Field | Chain) or (isinstance(first, Variable) and first.names):
            return after(final, self._fields_with_arguments(first))
        message = f"can't give argument to non-function {first}"
        return after(final, raising(message, self._place(first)))

    def _fields_with_arguments(self, operand: Field | Chain | Variable) -> Evaluate:
        """Fields take no arguments, but nothing at all has every field."""
        receiver, name = self._receiver(operand, operand.names[:-1]), operand.names[-1]
        place = self._place(operand)

        def refuse(machine: Machine) -> Value:
            value = receiver(machine)
            if value is NO_VALUE:
                return value
            if is_map(value):
                raise Failure(f"{name} is not a method but has arguments", place)
            field_of(value, name, place)
            raise Failure(f"{name} has arguments but cannot be invoked as function", place)

        return refuse

    # --- operands -----------------------------------------------------------------------------------------------------

    def _operand(self, operand: Operand, *, command: bool = False) -> Evaluate:
        """An operand as an argument, or alone as a command, where ``nil`` means nothing."""
        match operand:
            case Literal(value=value):
                constant = TemplateText(value) if type(value) is str else value
                return lambda machine: constant
            case Dot():
                return lambda machine: machine.dot
            case Nil():
                return raising("nil is not a command", self._place(operand)) if command else lambda machine: None
            case HugeNumber(text=text):
                return raising(f"{text} overflows int", self._place(operand))
            case Function():
                return self._call(operand, operand, (), None)
            case Pipe():
                return settled(self.pipeline(operand, sure=False))
            case Field() | Chain() | Variable():
                return self._receiver(operand, operand.names)

    def _receiver(self, operand: Field | Chain | Variable, names: tuple[str, ...]) -> Evaluate:
        """The value of the operand with only those of its fields."""
        place = self._place(operand)
        if isinstance(operand, Field):
            return dot_fields(names, place)
        if isinstance(operand, Variable):
            return fields(self._variable(operand), names, place)
        return fields(self._operand(operand.base), names, place)

    def _variable(self, variable: Variable) -> Evaluate:
        slots = self.scopes.find(variable.name)
        if len(slots) == 1:
            slot = slots[0]
            return lambda machine: machine.vars[slot]
        place = self._place(variable)

        def search(machine: Machine) -> Value:
            for slot in slots:
                if machine.vars[slot] is not UNSET:
                    return machine.vars[slot]
            raise Failure(f"undefined variable: {variable.name}", place)

        return search

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(
        self, function: Function, node: Stage | Function, operands: tuple[Operand, ...], final: Evaluate | None
    ) -> Evaluate:
        name, place = function.name, self._place(node)
        kind = FUNCTIONS[name]
        count = len(operands) + (final is not None)
        complaint = wrong_count(name, kind, len(operands), count)
        if complaint:
            return after(final, raising(complaint, self._place(function)))
        if name in ("and", "or"):
            return self._short_circuit(name, operands, final)
        arguments = [self._operand(operand) for operand in operands]
        if name == "printf":
            self._check_format(operands, arguments)
        if final is not None:
            # What is piped in has been evaluated before the other arguments.
            return piped_call(kind, name, place, arguments, final)
        if name == "eq" and count == 2:
            second = operands[1]
            if isinstance(second, Literal):
                return equal_to_literal(kind, place, arguments[0], second.value)
            return equal_call(kind, place, *arguments)
        return plain_call(kind, name, place, arguments)

    def _check_format(self, operands: tuple[Operand, ...], arguments: list[Evaluate]) -> None:
        """The format must be a string before anything else is evaluated."""
        if not arguments:
            return
        operand, evaluate = operands[0], arguments[0]
        if isinstance(operand, Literal) and is_text(operand.value):
            return
        place = self._place(operand)
        literal = isinstance(operand, Literal | HugeNumber)

        def checked(machine: Machine) -> Value:
            if literal:
                raise Failure(f"expected string; found {operand}", place)
            value = evaluate(machine)
            if not is_text(value):
                raise Failure(f"wrong type for value; expected string; got {type_name(value)}", place)
            return value

        arguments[0] = checked

    def _short_circuit(self, name: str, operands: tuple[Operand, ...], final: Evaluate | None) -> Evaluate:
        stop = name == "or"
        arguments = [self._operand(operand) for operand in operands]

        def decide(machine: Machine) -> Value:
            last: Value = NO_VALUE if final is None else final(machine)
            value: Value = NO_VALUE
            for argument in arguments:
                value = argument(machine)
                if truth(value) is stop:
                    return value
            return value if final is None else last

        return decide

    def _place(self, node: Operand | Stage) -> Place:
        return Place(self.template, node)
