"""Model options: merged from defaults, model parameters and the request, with the type rules of Ollama's API.

``None`` means that nobody specified a value: the engine or the scheduler chooses, and it never causes a reload.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyollama.config import Settings
from pyollama.errors import OptionRangeError, OptionTypeError
from pyollama.wire.runner import Sampling

_log = logging.getLogger("pyollama.options")

LOAD_OPTIONS = (
    "num_batch",
    "num_gpu",
    "main_gpu",
    "use_mmap",
    "use_mlock",
    "num_thread",
    "rope_frequency_base",
    "rope_frequency_scale",
)
_ZERO_IS_AUTOMATIC = ("num_ctx", "num_batch", "num_thread", "rope_frequency_base", "rope_frequency_scale")
_NEGATIVE_IS_AUTOMATIC = ("num_gpu", "main_gpu")
LARGEST = 3.4028234e38  # of 32-bit floating point
SMALLEST = 1.1754944e-38
MOST_THREADS = 512  # of one ggml thread pool
RETIRED = frozenset(
    ["f16_kv", "numa", "low_vram", "num_gqa", "logits_all", "vocab_only", "embedding_only", "tfs_z", "penalize_newline"]
)


@dataclass(frozen=True, slots=True)
class Options:
    """Every option of one request. The first group decides how a model is loaded, the second how it answers."""

    num_ctx: int | None = None
    num_batch: int | None = None
    num_gpu: int | None = None
    main_gpu: int | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None
    num_thread: int | None = None
    draft_num_predict: int | None = None
    rope_frequency_base: float | None = None
    rope_frequency_scale: float | None = None

    num_keep: int = 4
    seed: int = -1
    num_predict: int = -1
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    temperature: float = 0.8
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    stop: tuple[str, ...] = ()

    def merge(self, model_parameters: Mapping[str, Any], request_options: Mapping[str, Any]) -> Options:
        """These options, overridden by the model's and then by the request's. Unknown names are logged and ignored.

        Raises:
            OptionTypeError: a value of the wrong JSON type.
            OptionRangeError: a number that no engine could work with.
        """
        values = _read(model_parameters) | _read(request_options)
        return replace(self, **{name: _unspecified(name, value) for name, value in values.items()})

    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            typical_p=self.typical_p,
            repeat_last_n=self.repeat_last_n,
            repeat_penalty=self.repeat_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            mirostat=self.mirostat,
            mirostat_tau=self.mirostat_tau,
            mirostat_eta=self.mirostat_eta,
            seed=self.seed,
        )


def defaults(settings: Settings) -> Options:
    """What holds when neither model nor request says anything. The environment decides num_ctx only."""
    return Options(num_ctx=settings.context_length or None)


# --- reading one value ---


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name in _READERS:
            if value is not None:
                values[name] = _checked(name, _READERS[name](name, value))
        elif name not in RETIRED:
            _log.warning("unknown option %r is ignored", name)
    return values


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise OptionTypeError(name, "type integer")
    return max(-(1 << 31), min(int(value), (1 << 31) - 1))


def _seed(name: str, value: object) -> int:
    """Any 64-bit number is a seed; the engine takes 32 bits. Negative means random."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise OptionTypeError(name, "type integer")
    return -1 if value < 0 else int(value) & 0xFFFFFFFF


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OptionTypeError(name, "type float32")
    return float(value)


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise OptionTypeError(name, "type boolean")
    return value


def _strings(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise OptionTypeError(name, "type array")
    if not all(isinstance(entry, str) for entry in value):
        raise OptionTypeError(name, "an array of strings")
    return tuple(value)


_BOOLEANS = ("use_mmap", "use_mlock")
_INTEGERS = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "draft_num_predict", "num_keep")
_MORE_INTEGERS = ("num_predict", "top_k", "repeat_last_n", "mirostat")
_NUMBERS = ("rope_frequency_base", "rope_frequency_scale", "temperature", "top_p", "min_p", "typical_p")
_MORE_NUMBERS = ("repeat_penalty", "presence_penalty", "frequency_penalty", "mirostat_tau", "mirostat_eta")
_READERS: dict[str, Callable[[str, object], Any]] = {
    **dict.fromkeys(_BOOLEANS, _boolean),
    **dict.fromkeys(_INTEGERS + _MORE_INTEGERS, _integer),
    **dict.fromkeys(_NUMBERS + _MORE_NUMBERS, _number),
    "seed": _seed,
    "stop": _strings,
}


# --- ranges and values that mean "choose yourself" ---

_RANGES: dict[str, tuple[float, float, str]] = {  # least, most, how a refusal says it
    "repeat_penalty": (SMALLEST, LARGEST, "more than 0"),
    "top_p": (0, LARGEST, "0 or more"),
    "min_p": (0, 1, "between 0 and 1"),
    "typical_p": (0, LARGEST, "0 or more"),
    "repeat_last_n": (-1, LARGEST, "-1 or more"),
    "num_ctx": (0, LARGEST, "0 or more"),
    "num_batch": (0, LARGEST, "0 or more"),
    "num_thread": (0, MOST_THREADS, f"between 0 and {MOST_THREADS}"),
    "mirostat": (0, 2, "0, 1 or 2"),
    "mirostat_tau": (0, LARGEST, "0 or more"),
    "mirostat_eta": (0, LARGEST, "0 or more"),
    "rope_frequency_base": (0, LARGEST, "0 or more"),
    "rope_frequency_scale": (0, LARGEST, "0 or more"),
}


def _checked(name: str, value: Any) -> Any:
    """The value, if the engine can work with it."""
    if isinstance(value, float) and not abs(value) <= LARGEST:
        raise OptionRangeError(name, value, "a 32-bit number")
    if name in _RANGES:
        least, most, allowed = _RANGES[name]
        if not least <= value <= most:
            raise OptionRangeError(name, value, allowed)
    return value


def _unspecified(name: str, value: Any) -> Any:
    """None for a load option whose value says "automatic"."""
    if (name in _ZERO_IS_AUTOMATIC and value == 0) or (name in _NEGATIVE_IS_AUTOMATIC and value < 0):
        return None
    return value
