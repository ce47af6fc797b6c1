"""The steps of a program: each does one thing to the machine and returns where to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat

from .closures import Evaluate
from .errors import CallError, TemplateRunError
from .expressions import UNSET
from .gotext.text import text_of
from .machine import END, Failure, Machine, Place, Step
from .provenance import pieces_of
from .values import NO_VALUE, Byte, TemplateText, Value, is_list, is_map, sorted_keys, truth


def nothing(machine: Machine) -> Value:
    return NO_VALUE


def go_to(address: int) -> Step:
    return lambda machine: address


def write_text(text: str, after: int) -> Step:
    length, marked = len(text), TemplateText(text)

    def run(machine: Machine) -> int:
        machine.out.append(marked)
        machine.room -= length
        if machine.room < machine.enough:
            machine.look()
        return after

    return run


def evaluate_only(value: Evaluate, after: int) -> Step:
    def run(machine: Machine) -> int:
        value(machine)
        return after

    return run


def print_value(value: Evaluate, after: int, place: Place, *, constant: bool) -> Step:
    """``constant``: no data goes into the value, so that the text is the template's own."""

    def run(machine: Machine) -> int:
        text = value(machine)
        if type(text) is str or type(text) is TemplateText:
            machine.out.append(text)
        else:
            try:
                text = text_of(text, machine.charge)
            except CallError as error:
                raise Failure(str(error), place) from None
            machine.out += pieces_of(TemplateText(text) if constant else text)
        machine.room -= len(text)
        if machine.room < machine.enough:
            machine.look()
        return after

    return run


def branch(value: Evaluate, after: int, otherwise: int) -> Step:
    def run(machine: Machine) -> int:
        return after if truth(value(machine)) else otherwise

    return run


def enter_with(value: Evaluate, slot: int, after: int, otherwise: int) -> Step:
    def run(machine: Machine) -> int:
        result = value(machine)
        if not truth(result):
            return otherwise
        machine.vars[slot] = machine.dot
        machine.dot = result
        return after

    return run


def restore_dot(slot: int, after: int) -> Step:
    def run(machine: Machine) -> int:
        machine.dot = machine.vars[slot]
        return after

    return run


def enter_range(value: Evaluate, state: int, dot: int, pairs: bool, place: Place, after: int, otherwise: int) -> Step:
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
        shown = text_of(value, machine.charge)
    except CallError as error:
        raise Failure(str(error), place) from None
    raise Failure(f"range can't iterate over {shown}", place)


def _entries(machine: Machine, value: Mapping[str, Value], pairs: bool) -> Iterator[object]:
    try:
        keys = sorted_keys(value, machine.charge)
    except TypeError:
        raise TemplateRunError("a map has a key that is not a string") from None
    return iter([(key, value[key]) if pairs else value[key] for key in keys])


_DONE = object()


def next_element(
    state: int,
    stores: list[Callable[[Machine, Value], None]],
    pairs: bool,
    forget: list[int],
    after: int,
    done: int,
) -> Step:
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


def setter(slot: int) -> Callable[[Machine, Value], None]:
    def store(machine: Machine, value: Value) -> None:
        machine.vars[slot] = value

    return store


def call_template(name: str, value: Evaluate, after: int, place: Place, entries: Mapping[str, tuple[int, int]]) -> Step:
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


def leave_template(machine: Machine) -> int:
    if not machine.calls:
        return END
    after, machine.vars, machine.dot = machine.calls.pop()
    return after
