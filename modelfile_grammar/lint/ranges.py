"""Which values of a sampling parameter make sense; others are read, but nearly always a slip."""

from __future__ import annotations

from ..parameters import Value

_RANGES: dict[str, tuple[float | None, float | None]] = {
    "num_ctx": (0, None),
    "num_batch": (1, None),
    "num_gpu": (-1, None),
    "main_gpu": (0, None),
    "num_thread": (0, None),
    "num_predict": (-2, None),
    "num_keep": (-1, None),
    "draft_num_predict": (0, None),
    "top_k": (0, None),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "repeat_last_n": (-1, None),
    "temperature": (0, 5),
    "repeat_penalty": (0, 5),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}


def out_of_range(name: str, value: Value) -> str | None:
    """What is wrong with a value, or nothing."""
    if isinstance(value, str | list) or name not in _RANGES:
        return None
    low, high = _RANGES[name]
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    return f"{name} is {value:g}, but should be {_described(low, high)}"


def _described(low: float | None, high: float | None) -> str:
    if high is None:
        return f"at least {low:g}"
    return f"from {low:g} to {high:g}"
