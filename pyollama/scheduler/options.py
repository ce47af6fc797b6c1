"""Model options: merged from defaults, model parameters and the request, with the type rules of Ollama's API.

Names, types, ranges and defaults are those of ``modelfile_grammar.PARAMETERS``. ``None`` means that nobody specified a
value: the engine or the scheduler chooses.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from modelfile_grammar import PARAMETERS, ParameterRangeError, ParameterTypeError, check_parameter_value
from pyollama.config import Settings
from pyollama.errors import OptionRangeError, OptionTypeError
from pyollama.wire.runner import Sampling

_log = logging.getLogger("pyollama.options")

_SAMPLING = msgspec.structs.fields(Sampling)
_SAMPLING_NAMES = frozenset(entry.name for entry in _SAMPLING)
_ZERO_IS_AUTOMATIC = ("rope_frequency_base", "rope_frequency_scale")
_NOT_POSITIVE_IS_AUTOMATIC = ("num_batch", "num_thread")
_NEGATIVE_IS_AUTOMATIC = ("num_gpu", "main_gpu")
_INT32 = (1 << 31) - 1
_LARGEST_SEED = 0xFFFFFFFF  # the engine takes 32 bits


def _default(name: str) -> Any:
    return PARAMETERS[name].default


DEFAULT_SAMPLING = Sampling(**{entry.name: _default(entry.name) for entry in _SAMPLING})


@dataclass(frozen=True, slots=True)
class Options:
    """Every option of one request. The first group decides how a model is loaded, the others how it answers."""

    num_ctx: int | None = None  # as given: 0 and less too
    num_batch: int | None = None
    num_gpu: int | None = None
    main_gpu: int | None = None
    use_mmap: bool | None = None
    use_mlock: bool | None = None
    num_thread: int | None = None
    draft_num_predict: int | None = None
    rope_frequency_base: float | None = None
    rope_frequency_scale: float | None = None

    num_keep: int = _default("num_keep")
    num_predict: int = _default("num_predict")
    stop: tuple[str, ...] = _default("stop")
    sampling: Sampling = DEFAULT_SAMPLING

    def merge(self, model_parameters: Mapping[str, Any], request_options: Mapping[str, Any]) -> Options:
        """These options, overridden by the model's and then by the request's. Unknown names are logged and ignored.

        Raises:
            OptionTypeError: a value of the wrong JSON type.
            OptionRangeError: a number that no engine could work with.
        """
        values = _read(model_parameters) | _read(request_options)
        sampling = {name: values.pop(name) for name in _SAMPLING_NAMES & values.keys()}
        return replace(self, **values, sampling=msgspec.structs.replace(self.sampling, **sampling))


def defaults(settings: Settings) -> Options:
    """What holds when neither model nor request says anything. The environment decides num_ctx only."""
    return Options(num_ctx=settings.context_length or None)


def _read(given: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in PARAMETERS:
            _log.warning("unknown option %r is ignored", name)
        elif (checked := _checked(name, value)) is not None:
            values[name] = _meaning(name, checked)
    return values


def _checked(name: str, value: object) -> Any:
    try:
        return check_parameter_value(name, value)
    except ParameterTypeError as error:
        raise OptionTypeError(str(error)) from None
    except ParameterRangeError as error:
        raise OptionRangeError(str(error)) from None


def _meaning(name: str, value: Any) -> Any:
    """What a value stands for: None says "choose yourself"."""
    parameter = PARAMETERS[name]
    if name == "seed":
        return -1 if value < 0 else value & _LARGEST_SEED
    if parameter.type == "strings":
        return tuple(value)
    if parameter.off is not None and value not in parameter.sensible:
        return parameter.off
    if parameter.type == "int":
        value = max(-_INT32 - 1, min(value, _INT32))
    if name in _NOT_POSITIVE_IS_AUTOMATIC and value <= 0:
        return None
    if (name in _ZERO_IS_AUTOMATIC and value == 0) or (name in _NEGATIVE_IS_AUTOMATIC and value < 0):
        return None
    return value
