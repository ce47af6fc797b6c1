"""The closures that expressions are made of, as far as they need no names."""

from __future__ import annotations

from collections.abc import Callable

from .errors import CallError
from .functions import FunctionType
from .machine import Failure, Machine, Place, failing
from .values import NO_VALUE, Record, Value, is_map, type_name

Evaluate = Callable[[Machine], Value]


def settled(evaluate: Evaluate) -> Evaluate:
    def settle(machine: Machine) -> Value:
        value = evaluate(machine)
        return NO_VALUE if value is None else value

    return settle


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
            if name == "printf" and type(values[0]) is not str:
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
        if type(a) is str and type(b) is str and len(a) <= 4096:
            return a == b
        try:
            return slow(machine, [a, b])
        except CallError as error:
            raise failing(place, error, "eq") from None

    return call
