"""The config of a new model: what its files are, what it inherits, and what the request overrides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pyollama.create.spec import CreateSpec
from pyollama.gguf import GGUFFacts
from pyollama.store import Config
from pyollama.store.configs import file_type_name, parameter_size


class BuiltIn(NamedTuple):
    """The renderer and parser that an architecture with a chat template gets if nothing names one; its stop text."""

    renderer: str
    parser: str
    stop: str = ""


_BUILT_IN = {
    "gemma4": BuiltIn("gemma4", "gemma4", "<turn|>"),
    "laguna": BuiltIn("laguna", "laguna"),
    **dict.fromkeys(("nemotron_h", "nemotron_h_moe", "nemotron_h_omni"), BuiltIn("nemotron-3-nano", "nemotron-3-nano")),
}
_NOTHING = BuiltIn("", "")


def default_stop(facts: Sequence[GGUFFacts]) -> list[str]:
    """The stop texts of an architecture that has its own renderer; used if no others are given."""
    stop = _BUILT_IN.get(facts[0].architecture, _NOTHING).stop if facts else ""
    return [stop] if stop else []


def build_config(spec: CreateSpec, base: Config, facts: Sequence[GGUFFacts]) -> Config:
    """A new config.

    Args:
        base: the config of the base model; an empty one when there is none.
        facts: of the weights, then of the projectors. Without any, the base's families and types stay.
    """
    config = Config(
        model_format=base.model_format or ("gguf" if facts else ""),
        renderer=spec.renderer or base.renderer,
        parser=spec.parser or base.parser,
        requires=spec.requires or base.requires,
        capabilities=list(base.capabilities or []),
        draft=base.draft,
    )
    if facts:
        _describe(config, facts)
    else:
        config.model_family, config.model_families = base.model_family, base.model_families
        config.model_type, config.file_type = base.model_type, base.file_type
    _override(config, spec)
    return config


def _describe(config: Config, facts: Sequence[GGUFFacts]) -> None:
    weights = facts[0]
    config.model_family = weights.architecture
    config.model_families = [part.architecture for part in facts]
    config.model_type = parameter_size(weights.parameter_count)
    config.file_type = file_type_name(weights.file_type)
    built_in = _BUILT_IN.get(weights.architecture, _NOTHING) if weights.chat_template else _NOTHING
    config.renderer = config.renderer or built_in.renderer
    config.parser = config.parser or built_in.parser


def _override(config: Config, spec: CreateSpec) -> None:
    info = spec.info
    config.capabilities = [*(config.capabilities or []), *info.get("capabilities", [])]
    if family := info.get("model_family"):
        config.model_family, config.model_families = family, [family, *(config.model_families or [])]
    config.base_name = info.get("base_name") or config.base_name
    config.file_type = info.get("quantization_level") or config.file_type
    config.model_type = info.get("parameter_size") or config.model_type
    config.context_length = int(info.get("context_length", 0))
    config.embedding_length = int(info.get("embedding_length", 0))
