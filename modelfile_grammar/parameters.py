"""Every PARAMETER: its type, its default, and whether it still does anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .errors import ParameterError
from .gonumbers import parse_bool, parse_float32, parse_int

ParameterType = Literal["int", "float", "bool", "strings"]
Value = int | float | bool | str | list[str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. ``default`` is what the runtime uses when a model does not set it; None means "automatic"."""

    name: str
    type: ParameterType
    default: int | float | bool | tuple[str, ...] | None
    note: str = ""
    retired: bool = False
    """Still read and type-checked, with a warning; never stored."""


_CURRENT = (
    Parameter("num_ctx", "int", 0, "context length in tokens; 0 chooses by memory"),
    Parameter("num_batch", "int", 512, "tokens evaluated in one step of the prompt"),
    Parameter("num_gpu", "int", -1, "layers to offload; -1 automatic, 0 none"),
    Parameter("main_gpu", "int", None, "the device that keeps small tensors"),
    Parameter("use_mmap", "bool", None, "map the file instead of reading it"),
    Parameter("num_thread", "int", 0, "threads; 0 automatic"),
    Parameter("draft_num_predict", "int", 4, "speculative tokens a step; 4 with a draft model, else 0"),
    Parameter("num_keep", "int", 4, "tokens kept at the start when the context shifts"),
    Parameter("seed", "int", -1, "-1 draws one at random"),
    Parameter("num_predict", "int", -1, "most tokens to generate; -1 unlimited, -2 fill the context"),
    Parameter("top_k", "int", 40, "keep the k likeliest tokens; 0 keeps all"),
    Parameter("top_p", "float", 0.9, "keep the likeliest tokens up to this probability"),
    Parameter("min_p", "float", 0.0, "drop tokens below this share of the likeliest one"),
    Parameter("typical_p", "float", 1.0, "locally typical sampling; 1 is off"),
    Parameter("repeat_last_n", "int", 64, "tokens the repetition penalty looks back; 0 off, -1 the context"),
    Parameter("temperature", "float", 0.8, "0 always takes the likeliest token"),
    Parameter("repeat_penalty", "float", 1.0, "1 is off"),
    Parameter("presence_penalty", "float", 0.0, "against tokens that occurred at all"),
    Parameter("frequency_penalty", "float", 0.0, "against tokens by how often they occurred"),
    Parameter("stop", "strings", (), "texts that end the answer; may be given several times"),
)

_RETIRED = (
    Parameter("mirostat", "int", 0, "a sampler that newer ones replaced", retired=True),
    Parameter("mirostat_tau", "float", 5.0, "with mirostat", retired=True),
    Parameter("mirostat_eta", "float", 0.1, "with mirostat", retired=True),
    Parameter("penalize_newline", "bool", True, "", retired=True),
    Parameter("low_vram", "bool", False, "memory is planned automatically", retired=True),
    Parameter("f16_kv", "bool", True, "", retired=True),
    Parameter("logits_all", "bool", False, "", retired=True),
    Parameter("vocab_only", "bool", False, "", retired=True),
    Parameter("use_mlock", "bool", False, "", retired=True),
    Parameter("tfs_z", "float", 1.0, "the sampler no longer exists", retired=True),
    Parameter("num_gqa", "int", 1, "the model file carries it", retired=True),
    Parameter("numa", "bool", False, "", retired=True),
    Parameter("embedding_only", "bool", True, "", retired=True),
    Parameter("rope_frequency_base", "float", 10000.0, "the model file carries it", retired=True),
    Parameter("rope_frequency_scale", "float", 1.0, "the model file carries it", retired=True),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({p.name: p for p in (*_CURRENT, *_RETIRED)})
"""By name, in the order of the reference page: the current ones, then the retired ones."""

_READERS: dict[str, Callable[[str], int | float | bool | None]] = {
    "int": parse_int,
    "float": parse_float32,
    "bool": parse_bool,
}


def parse_parameter(name: str, texts: str | Sequence[str]) -> Value:
    """The typed value of a parameter from the texts a user gave it.

    Only ``stop`` takes several; of any other the last counts, but each must be of its type.

    Raises:
        ParameterError: ``unknown parameter '<name>'`` or ``invalid <type> value [<text>]``.
    """
    given = [texts] if isinstance(texts, str) else list(texts)
    parameter = PARAMETERS.get(name)
    if parameter is None:
        raise ParameterError(f"unknown parameter '{name}'")
    if parameter.type == "strings":
        return given
    values = [_read(parameter.type, text) for text in given]
    if not values:
        raise ParameterError(f"invalid {parameter.type} value []")
    return values[-1]


def _read(kind: str, text: str) -> int | float | bool:
    value = _READERS[kind](text)
    if value is None:
        raise ParameterError(f"invalid {kind} value [{text}]")
    return value
