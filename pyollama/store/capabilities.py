"""What a model can do, and which of its templates makes its prompts."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Literal, NamedTuple

from pyollama.store.configs import Config

_log = logging.getLogger(__name__)

DEFAULT_TEMPLATE = "{{ .Prompt }}"
_HARMONY_FAMILIES = ("gptoss", "gpt-oss")
_HARMONY_MARKS = ("<|start|>", "<|end|>")

# How the publishers of models write thoughts other than between <think> and </think>. The engine's parsers read them.
_THOUGHT_MARKS = (
    ("<|channel|>", "<|message|>"),
    ("<|channel>", "<channel|>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
)


class ActiveTemplate(NamedTuple):
    """A template and its language."""

    language: Literal["go", "jinja"]
    text: str


def choose_template(go: str | None, jinja: str | None, config: Config, go_template: bool | None) -> ActiveTemplate:
    """The better of two templates for a model with this configuration."""
    if jinja is not None and (go is None or named_format(go, config) or _prefer_jinja(go, jinja, go_template)):
        return ActiveTemplate("jinja", jinja)
    return ActiveTemplate("go", DEFAULT_TEMPLATE if go is None else go)


def named_format(go: str | None, config: Config) -> str:
    """The renderer or parser that the configuration names, ``harmony`` for gpt-oss; empty if there is none.

    Such a model runs with the Jinja template of its weights and the engine's parser for that template, or not at all.
    """
    is_gpt_oss = config.model_family in _HARMONY_FAMILIES and all(mark in (go or "") for mark in _HARMONY_MARKS)
    return config.renderer or config.parser or ("harmony" if is_gpt_oss else "")


@lru_cache(maxsize=512)
def template_capabilities(active: ActiveTemplate) -> frozenset[str]:
    """What a template shows that its model can do: ``tools``, ``insert``, ``thinking``."""
    from modelfile_grammar import known, template

    if active.language == "jinja":
        thinks = any(opening in active.text and closing in active.text for opening, closing in _THOUGHT_MARKS)
        return known.jinja_capabilities(active.text) | ({"thinking"} if thinks else frozenset())
    try:
        return template.Template.parse(active.text).capabilities
    except template.TemplateError as error:
        _log.warning("a stored template does not parse: %s", error)
        return frozenset()


@lru_cache(maxsize=512)
def _prefer_jinja(go: str, jinja: str, setting: bool | None) -> bool:
    from modelfile_grammar import known

    return known.prefer_jinja(go, jinja, setting)
