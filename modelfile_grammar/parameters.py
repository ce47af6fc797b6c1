"""Every PARAMETER: its type, its default, the values it may have, and whether it still does anything.

The one table of options: Modelfiles, lint, the ``parameters`` of a create and the ``options`` of a request read it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .errors import ParameterError, ParameterRangeError, ParameterTypeError
from .gonumbers import FLOAT32_MAX, parse_bool, parse_float32, parse_int

ParameterType = Literal["int", "float", "bool", "strings"]
Value = int | float | bool | str | list[str]


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``least`` to ``most``, both included."""

    least: float = -math.inf
    most: float = math.inf
    words: str = ""  # how it is said, where that is no plain comparison

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most

    def __str__(self) -> str:
        if self.words:
            return self.words
        return f"at least {self.least:g}" if self.most == math.inf else f"from {self.least:g} to {self.most:g}"


ANY = Range()
POSITIVE = Range(0)
SHARE = Range(0, 1)
ABOVE_ZERO = Range(1.1754944e-38, words="more than 0")  # the smallest 32-bit number with all its digits
_LARGEST = {"int": Range(-sys.float_info.max, sys.float_info.max, "a number of 64 bits")}
_LARGEST["float"] = Range(-FLOAT32_MAX, FLOAT32_MAX, "a number of 32 bits")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. ``default`` is what the runtime uses when a model does not set it; None means "automatic"."""

    name: str
    type: ParameterType
    default: int | float | bool | tuple[str, ...] | None
    note: str = ""
    accepts: Range = ANY
    """Other numbers are refused."""
    sensible: Range = ANY
    """Other numbers are accepted, but nearly always a slip."""
    off: float | None = None
    """What a number that is not sensible counts as: a filter is then off, as in Ollama. None: it is taken as it is."""
    retired: bool = False
    """Still read, with a warning; a Modelfile never stores it."""
    honoured: bool = True
    """The engine has an equivalent. A retired parameter that it has none for may have any value."""


def _retired(name: str, kind: ParameterType, default: int | float | bool, note: str = "") -> Parameter:
    return Parameter(name, kind, default, note, retired=True, honoured=False)


_CURRENT = (
    Parameter("num_ctx", "int", 0, "context length in tokens; 0 chooses by memory", sensible=POSITIVE),
    Parameter("num_batch", "int", 512, "tokens evaluated in one step of the prompt", sensible=Range(1)),
    Parameter("num_gpu", "int", -1, "layers to offload; -1 automatic, 0 none", sensible=Range(-1)),
    Parameter("main_gpu", "int", None, "the device that keeps small tensors", sensible=POSITIVE),
    Parameter("use_mmap", "bool", None, "map the file instead of reading it"),
    Parameter("num_thread", "int", 0, "threads; 0 automatic, never more than the machine has", sensible=POSITIVE),
    Parameter(
        "draft_num_predict", "int", 4, "speculative tokens a step; 4 with a draft model, else 0", sensible=POSITIVE
    ),
    Parameter("num_keep", "int", 4, "tokens kept at the start when the context shifts; -1 all", accepts=Range(-1)),
    Parameter("seed", "int", -1, "-1 draws one at random"),
    Parameter("num_predict", "int", -1, "most tokens to generate; -1 and 0: ten contexts", sensible=Range(-2)),
    Parameter("top_k", "int", 40, "keep the k likeliest tokens; 0 keeps all", sensible=POSITIVE),
    Parameter("top_p", "float", 0.9, "keep the likeliest tokens up to this probability", sensible=SHARE, off=1.0),
    Parameter("min_p", "float", 0.0, "drop tokens below this share of the likeliest one", sensible=SHARE, off=0.0),
    Parameter("typical_p", "float", 1.0, "locally typical sampling; 1 is off", sensible=SHARE, off=1.0),
    Parameter("repeat_last_n", "int", 64, "tokens the repetition penalty looks back; 0 off", accepts=POSITIVE),
    Parameter("temperature", "float", 0.8, "0 always takes the likeliest token", sensible=Range(0, 5)),
    Parameter("repeat_penalty", "float", 1.0, "1 is off", accepts=ABOVE_ZERO, sensible=Range(0, 5)),
    Parameter("presence_penalty", "float", 0.0, "against tokens that occurred at all", sensible=Range(-2, 2)),
    Parameter("frequency_penalty", "float", 0.0, "against tokens by how often they occurred", sensible=Range(-2, 2)),
    Parameter("stop", "strings", (), "texts that end the answer; may be given several times"),
)

_RETIRED = (
    Parameter("mirostat", "int", 0, "a sampler that newer ones replaced", Range(0, 2), retired=True),
    Parameter("mirostat_tau", "float", 5.0, "with mirostat", POSITIVE, retired=True),
    Parameter("mirostat_eta", "float", 0.1, "with mirostat", POSITIVE, retired=True),
    _retired("penalize_newline", "bool", True),
    _retired("low_vram", "bool", False, "memory is planned automatically"),
    _retired("f16_kv", "bool", True),
    _retired("logits_all", "bool", False),
    _retired("vocab_only", "bool", False),
    Parameter("use_mlock", "bool", False, retired=True),
    _retired("tfs_z", "float", 1.0, "the sampler no longer exists"),
    _retired("num_gqa", "int", 1, "the model file carries it"),
    _retired("numa", "bool", False),
    _retired("embedding_only", "bool", True),
    Parameter("rope_frequency_base", "float", 10000.0, "the model file carries it", POSITIVE, retired=True),
    Parameter("rope_frequency_scale", "float", 1.0, "the model file carries it", POSITIVE, retired=True),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({p.name: p for p in (*_CURRENT, *_RETIRED)})
"""By name, in the order of the reference page: the current ones, then the retired ones."""


# --- texts, as a Modelfile has them -----------------------------------------------------------------------------------

_READERS: dict[str, Callable[[str], int | float | bool | None]] = {
    "int": parse_int,
    "float": parse_float32,
    "bool": parse_bool,
}


def parse_parameter(name: str, texts: str | Sequence[str]) -> Value:
    """The typed value of a parameter from the texts a user gave it.

    Only ``stop`` takes several; of any other the last counts, but each must be of its type. The texts of a retired
    parameter that does nothing are not looked at.

    Raises:
        ParameterError: ``unknown parameter '<name>'`` or ``invalid <type> value [<text>]``.
        ParameterRangeError: a number that no engine could work with.
    """
    given = [texts] if isinstance(texts, str) else list(texts)
    parameter = _known(name)
    if parameter.type == "strings":
        return given
    if not parameter.honoured:
        return given[-1] if given else ""
    values = [_read(parameter.type, text) for text in given]
    if not values:
        raise ParameterError(f"invalid {parameter.type} value []")
    for value in values:
        _check_range(parameter, value)
    return values[-1]


def _read(kind: str, text: str) -> int | float | bool:
    value = _READERS[kind](text)
    if value is None:
        raise ParameterError(f"invalid {kind} value [{text}]")
    return value


# --- JSON values, as a request or a stored model has them -------------------------------------------------------------


def check_parameter_value(name: str, value: object) -> Value | None:
    """The typed value of a parameter from JSON. None for ``null``, and for a retired parameter that does nothing.

    An integer takes any number and cuts its fraction; ``stop`` takes a single text too.

    Raises:
        ParameterError: ``unknown parameter '<name>'``.
        ParameterTypeError: a value of another JSON type.
        ParameterRangeError: a number that no engine could work with.
    """
    parameter = _known(name)
    if value is None or not parameter.honoured:
        return None
    typed = _FROM_JSON[parameter.type](name, value)
    if isinstance(typed, int | float):
        _check_range(parameter, typed)
    return typed


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterTypeError(name, "type integer")
    if value not in _LARGEST["int"]:  # infinite, or hundreds of digits
        raise ParameterRangeError(name, value, str(_LARGEST["int"]))
    return int(value)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParameterTypeError(name, "type float32")
    if value not in _LARGEST["float"]:
        raise ParameterRangeError(name, value, str(_LARGEST["float"]))
    return float(value)


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ParameterTypeError(name, "type boolean")
    return value


def _strings(name: str, value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple):
        raise ParameterTypeError(name, "type array")
    if not all(isinstance(entry, str) for entry in value):
        raise ParameterTypeError(name, "an array of strings")
    return list(value)


_FROM_JSON: dict[str, Callable[[str, object], int | float | bool | list[str]]] = {
    "int": _integer,
    "float": _number,
    "bool": _boolean,
    "strings": _strings,
}


def _known(name: str) -> Parameter:
    parameter = PARAMETERS.get(name)
    if parameter is None:
        raise ParameterError(f"unknown parameter '{name}'")
    return parameter


def _check_range(parameter: Parameter, value: float) -> None:
    if value not in parameter.accepts:
        raise ParameterRangeError(parameter.name, value, str(parameter.accepts))
