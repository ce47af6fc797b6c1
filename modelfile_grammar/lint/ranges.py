"""Which values of a parameter make sense; others are read, but nearly always a slip."""

from __future__ import annotations

from ..parameters import PARAMETERS, Value


def out_of_range(name: str, value: Value) -> str | None:
    """What is wrong with a value, or nothing."""
    sensible = PARAMETERS[name].sensible
    if isinstance(value, str | list) or value in sensible:
        return None
    return f"{name} is {value:g}, but should be {sensible}"
