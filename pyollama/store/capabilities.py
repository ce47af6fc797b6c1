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

# Named output parsers: those that find tool calls, and those that find thinking.
_TOOL_PARSERS = {
    *("cogito", "cohere", "deepseek3", "functiongemma", "gemma4", "gemma4-no-thinking", "glimmer", "glm-4.7"),
    *("harmony", "laguna", "lfm2", "lfm2-thinking", "ministral", "nemotron-3-nano", "nemotron-3.5-nano", "olmo3"),
    *("ornith", "poolside-v1", "qwen3", "qwen3-coder", "qwen3-thinking", "qwen3-vl-instruct", "qwen3-vl-thinking"),
    *("qwen3.5",),
}
_THINKING_PARSERS = {
    *("cogito", "deepseek3", "gemma4", "glm-4.7", "harmony", "laguna", "lfm2-thinking", "nemotron-3-nano"),
    *("nemotron-3.5-nano", "olmo3-think", "ornith", "poolside-v1", "qwen3", "qwen3-thinking", "qwen3-vl-thinking"),
    *("qwen3.5",),
}


class ActiveTemplate(NamedTuple):
    """A template and its language."""

    language: Literal["go", "jinja"]
    text: str


def choose_template(go: str | None, jinja: str | None, config: Config, go_template: bool | None) -> ActiveTemplate:
    """The better of two templates for a model with this configuration."""
    if go is None:
        return ActiveTemplate("go", DEFAULT_TEMPLATE) if jinja is None else ActiveTemplate("jinja", jinja)
    if jinja is None or _built_in(config, go) or not _prefer_jinja(go, jinja, go_template):
        return ActiveTemplate("go", go)
    return ActiveTemplate("jinja", jinja)


def parser_capabilities(config: Config) -> set[str]:
    """What the built-in parser of the output finds: ``tools``, ``thinking``."""
    found = set()
    if config.parser in _TOOL_PARSERS:
        found.add("tools")
    if config.parser in _THINKING_PARSERS or config.model_family in _HARMONY_FAMILIES:
        found.add("thinking")
    return found


def _built_in(config: Config, go: str) -> bool:
    """Whether our own code reads the output, so that the Go template goes with it."""
    harmony = config.model_family in _HARMONY_FAMILIES and all(mark in go for mark in _HARMONY_MARKS)
    return harmony or bool(config.renderer or config.parser)


@lru_cache(maxsize=512)
def template_capabilities(active: ActiveTemplate) -> frozenset[str]:
    """What a template shows that its model can do: ``tools``, ``insert``, ``thinking``."""
    from modelfile_grammar import known, template

    if active.language == "jinja":
        return known.jinja_capabilities(active.text)
    try:
        return template.Template.parse(active.text).capabilities
    except template.TemplateError as error:
        _log.warning("a stored template does not parse: %s", error)
        return frozenset()


@lru_cache(maxsize=512)
def _prefer_jinja(go: str, jinja: str, setting: bool | None) -> bool:
    from modelfile_grammar import known

    return known.prefer_jinja(go, jinja, setting)
