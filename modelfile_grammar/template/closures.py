"""The closures that expressions are made of, as far as they need no names."""

from __future__ import annotations

from collections.abc import Callable

from .compare import types_like
from .errors import CallError
from .functions import FunctionType
from .machine import Failure, Machine, Place, failing
from .syntax.nodes import Constant
from .values import NO_VALUE, Record, TemplateText, Value, is_map, is_text, type_name

Evaluate = Callable[[Machine], Value]
_AT_ONCE = 4096  # characters that are compared without being counted


def settled(evaluate: Evaluate) -> Evaluate:
    def settle(machine: Machine) -> Value:
        value = evaluate(machine)
        return NO_VALUE if value is None else value

    return settle


def template_text(evaluate: Evaluate) -> Evaluate:
    """For a value that is made of constants only: its text is the template's own."""

    def mark(machine: Machine) -> Value:
        value = evaluate(machine)
        return TemplateText(value) if is_text(value) else value

    return mark


def raising(message: str, place: Place) -> Evaluate:
    def fail(machine: Machine) -> Value:
        raise Failure(message, place)

    return fail


def after(first: Evaluate | None, then: Evaluate) -> Evaluate:
    """Evaluates what was piped in, for its errors, and goes on without it."""
    if first is None:
        return then
    before = first

    def both(machine: Machine) -> Value:
        before(machine)
        return then(machine)

    return both


def field_of(value: Value, name: str, place: Place) -> Value:
    """A field of a value that is not a map."""
    if value is NO_VALUE:
        return value
    if is_map(value):
        return value.get(name)
    if value is None:
        raise Failure(f"nil pointer evaluating interface {{}}.{name}", place)
    if type(value) is Record and name in value.values:
        return value.values[name]
    raise Failure(f"can't evaluate field {name} in type {type_name(value)}", place)


def dot_fields(names: tuple[str, ...], place: Place) -> Evaluate:
    if len(names) != 1:
        return fields(lambda machine: machine.dot, names, place)
    (name,) = names

    def field(machine: Machine) -> Value:
        dot = machine.dot
        if type(dot) is dict:
            return dot.get(name)
        return field_of(dot, name, place)

    return field


def fields(receiver: Evaluate, names: tuple[str, ...], place: Place) -> Evaluate:
    if not names:
        return receiver

    def fields(machine: Machine) -> Value:
        value = receiver(machine)
        for name in names:
            value = field_of(value, name, place)
        return value

    return fields


def wrong_count(name: str, kind: FunctionType, given: int, count: int) -> str:
    if kind.most is None:
        return "" if count >= kind.least else f"wrong number of args for {name}: want at least {kind.least} got {given}"
    return "" if count == kind.most else f"wrong number of args for {name}: want {kind.most} got {count}"


def plain_call(kind: FunctionType, name: str, place: Place, arguments: list[Evaluate]) -> Evaluate:
    function = kind.call

    def call(machine: Machine) -> Value:
        values = [argument(machine) for argument in arguments]
        try:
            return function(machine, [None if value is NO_VALUE else value for value in values])
        except CallError as error:
            raise failing(place, error, name) from None

    return call


def piped_call(kind: FunctionType, name: str, place: Place, arguments: list[Evaluate], final: Evaluate) -> Evaluate:
    function = kind.call

    def call(machine: Machine) -> Value:
        last = final(machine)
        values = [argument(machine) for argument in arguments]
        values.append(last)
        try:
            if name == "printf" and not is_text(values[0]):
                raise Failure(f"wrong type for value; expected string; got {type_name(values[0])}", place)
            return function(machine, [None if value is NO_VALUE else value for value in values])
        except CallError as error:
            raise failing(place, error, name) from None

    return call


def equal_call(kind: FunctionType, place: Place, first: Evaluate, second: Evaluate) -> Evaluate:
    """``eq a b``, the call that templates make most."""
    slow = kind.call

    def call(machine: Machine) -> Value:
        a, b = first(machine), second(machine)
        if is_text(a) and is_text(b) and len(a) <= _AT_ONCE:
            return a == b
        try:
            return slow(machine, [a, b])
        except CallError as error:
            raise failing(place, error, "eq") from None

    return call


def equal_to_literal(kind: FunctionType, place: Place, first: Evaluate, literal: Constant) -> Evaluate:
    """``eq a "b"``, the form in which they make it."""
    slow, alike = kind.call, types_like(literal)
    if type(literal) is str and len(literal) > _AT_ONCE:
        return equal_call(kind, place, first, lambda machine: literal)

    def call(machine: Machine) -> Value:
        value = first(machine)
        if type(value) in alike:
            return value == literal
        try:
            return slow(machine, [value, literal])
        except CallError as error:
            raise failing(place, error, "eq") from None

    return call
