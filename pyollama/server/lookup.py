"""From a name in a request to a stored model, with everything that inference wants to know of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import trio

from pyollama.errors import (
    CloudDisabled,
    FormatWithoutTemplate,
    MissingCapability,
    ModelNotFound,
    NotPulled,
    PyollamaError,
)
from pyollama.prompt.conversation import Style
from pyollama.prompt.effort import Effort
from pyollama.prompt.messages import forgets_thoughts
from pyollama.server.services import services
from pyollama.store import Model, ModelName, strip_source_suffix
from pyollama.wire.chat import Message


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A stored model, its layers read."""

    given: str  # the name as the request spells it
    model: Model
    capabilities: frozenset[str]
    style: Style
    system: str
    parameters: dict[str, Any]
    messages: list[Message]

    @property
    def family(self) -> str:
        return self.model.config.model_family

    def require(self, kind: str) -> None:
        """``kind``: "generate" or "chat". Both need completion."""
        if "completion" not in self.capabilities:
            raise MissingCapability(f'"{self.given}"', kind)

    def require_all(self, *wanted: str) -> None:
        """Capabilities that particular fields of a request need."""
        missing = [name for name in wanted if name not in self.capabilities]
        if missing:
            raise MissingCapability(self.model.name.full(), *missing)

    def effort(self, asked: Effort) -> Effort:
        """Thinking as this model can do it; MissingCapability when it cannot think but should."""
        return asked.of_model(self.capabilities, self.given)


async def find(given: str, *, pull_first: bool = False) -> FoundModel:
    """The model of an inference request.

    Args:
        pull_first: the words of the embedding endpoints for an unknown model.

    Raises:
        ModelNotFound, BadRequest, CloudDisabled, and errors of the store.
    """
    source = strip_source_suffix(given)
    name = ModelName.parse(source.text)
    if source.cloud:
        raise CloudDisabled
    try:
        return await trio.to_thread.run_sync(_describe, given, name)
    except ModelNotFound:
        raise (NotPulled(given) if pull_first else ModelNotFound(given)) from None


def named(model: str | None, name: str | None, absent: PyollamaError) -> str:
    """The name in a request that knows two fields for it."""
    given = model or name
    if not given:
        raise absent
    return given


def _describe(given: str, name: ModelName) -> FoundModel:
    here = services()
    model = here.store.open_model(name, given=given)
    if model.is_remote:
        raise CloudDisabled
    if missing := model.format_without_template:
        raise FormatWithoutTemplate(missing)
    language, template = model.active_template(here.settings.go_template)
    capabilities = frozenset(model.capabilities(here.settings.go_template))
    return FoundModel(
        given=given,
        model=model,
        capabilities=capabilities,
        style=Style(
            language,
            template,
            thinks="thinking" in capabilities,
            forgets_thoughts=forgets_thoughts(model.config.model_family, model.name.model),
            is_bare=language == "go" and model.template is None,
        ),
        system=model.system or "",
        parameters=model.parameters,
        messages=[msgspec.convert(message, Message, strict=False) for message in model.messages],
    )
