"""What a model can do, and which of its templates makes its prompts."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pyollama.store.models import Model

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


def active_template(model: Model, go_template: bool | None) -> ActiveTemplate:
    """The Go template of the model or the Jinja template of its weights; without either, the prompt as it is."""
    go = model.template
    facts = model.facts()
    jinja = facts.chat_template if facts else None
    if go is None:
        return ActiveTemplate("go", DEFAULT_TEMPLATE) if jinja is None else ActiveTemplate("jinja", jinja)
    if jinja is None or _built_in(model, go) or not _prefer_jinja(go, jinja, go_template):
        return ActiveTemplate("go", go)
    return ActiveTemplate("jinja", jinja)


def capabilities(model: Model, go_template: bool | None) -> set[str]:
    found = set(model.config.capabilities or ())
    facts, projector = model.facts(), model.projector_facts()
    if facts:
        found.add("embedding" if facts.pooling else "completion")
    if model.projector_paths or (facts and facts.vision):
        found.add("vision")
    if any(part and part.audio for part in (facts, projector)):
        found.add("audio")
    if facts:
        found |= _of_template(*active_template(model, go_template))
    parser = model.config.parser
    if parser in _TOOL_PARSERS:
        found.add("tools")
    if parser in _THINKING_PARSERS or model.config.model_family in _HARMONY_FAMILIES:
        found.add("thinking")
    return found


def _built_in(model: Model, go: str) -> bool:
    """Whether our own code reads the output, so that the Go template goes with it."""
    harmony = model.config.model_family in _HARMONY_FAMILIES and all(mark in go for mark in _HARMONY_MARKS)
    return harmony or bool(model.config.renderer or model.config.parser)


@lru_cache(maxsize=512)
def _of_template(language: str, text: str) -> frozenset[str]:
    from modelfile_grammar import known, template

    if language == "jinja":
        return frozenset(known.jinja_capabilities(text))
    try:
        return frozenset(template.Template.parse(text).capabilities)
    except template.TemplateError as error:
        _log.warning("a stored template does not parse: %s", error)
        return frozenset()


@lru_cache(maxsize=512)
def _prefer_jinja(go: str, jinja: str, setting: bool | None) -> bool:
    from modelfile_grammar import known

    return known.prefer_jinja(go, jinja, setting)
