"""What ``render`` needs of a model: a stored one, or the one that a Modelfile would make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pyollama.cli.files.sources import local_files
from pyollama.cli.fmt import UNREADABLE, read_source
from pyollama.errors import CommandFailed, ModelNotFound, PyollamaError
from pyollama.prompt import gotemplate
from pyollama.prompt.messages import forgets_thoughts
from pyollama.store.capabilities import ActiveTemplate, choose_template, template_capabilities
from pyollama.store.facts import GGUFFacts, read_header
from pyollama.store.names import ModelName
from pyollama.store.store import Store
from pyollama.wire.ollama import Message

if TYPE_CHECKING:
    from modelfile_grammar import Build
    from pyollama.config import Settings
    from pyollama.store.models import Model


@dataclass(frozen=True, slots=True)
class Prompting:
    """A model as far as its prompts go."""

    name: str
    active: ActiveTemplate
    capabilities: frozenset[str]
    weights: tuple[str, ...] = ()
    system: str = ""
    messages: tuple[Message, ...] = ()
    forgets_thoughts: bool = False


@dataclass(frozen=True, slots=True)
class _Base:
    """What a Modelfile builds on."""

    go: str | None = None
    jinja: str | None = None
    weights: tuple[str, ...] = ()
    family: str = ""
    system: str = ""
    messages: tuple[Message, ...] = ()


def of_model(name: str, settings: Settings) -> Prompting:
    """A stored model. CommandFailed."""
    model = _open(name, settings)
    return Prompting(
        name=name,
        active=model.active_template(settings.go_template),
        capabilities=frozenset(model.capabilities(settings.go_template)),
        weights=_weights(model),
        system=model.system or "",
        messages=_messages(model.messages),
        forgets_thoughts=forgets_thoughts(model.config.model_family, model.name.model),
    )


def of_modelfile(name: str, settings: Settings) -> Prompting:
    """The model that a Modelfile would make. CommandFailed."""
    from modelfile_grammar import ModelfileSyntaxError, build, parse

    try:
        built = build(parse(read_source(name)))
    except ModelfileSyntaxError as error:
        raise CommandFailed(f"{name}: {error.picture()}") from error
    base = _base(built, Path(name).absolute().parent, settings)
    go = base.go if built.template is None else built.template
    active = choose_template(go, base.jinja, settings.go_template, built_in=bool(built.renderer or built.parser))
    if active.language == "go":
        gotemplate.check(active.text)
    said = [{"role": role, "content": text} for role, text in built.messages]
    return Prompting(
        name=name,
        active=active,
        capabilities=template_capabilities(active),
        weights=base.weights,
        system=built.system or base.system,
        messages=_messages(said) if said else base.messages,
        forgets_thoughts=forgets_thoughts(base.family, ""),
    )


def _base(built: Build, folder: Path, settings: Settings) -> _Base:
    """What FROM names. Whatever is wrong with it does not matter if the Modelfile has a template."""
    try:
        files = local_files(built.froms[-1], folder)
        if files is not None:
            return _of_file(files[0])
        model = _open(built.froms[-1], settings)
    except PyollamaError:
        if built.template is None:
            raise
        return _Base()
    facts = model.facts()
    jinja = facts.chat_template if facts else None
    family, messages = model.config.model_family, _messages(model.messages)
    return _Base(model.template, jinja, _weights(model), family, model.system or "", messages)


def _of_file(path: Path) -> _Base:
    """Weights on the disk, with the template that ``create`` would give them."""
    from modelfile_grammar.known import detect

    with read_header(path) as header:
        facts = GGUFFacts.of_header(header)
    known = detect(facts.chat_template) if facts.chat_template else None
    base = _Base(None, facts.chat_template, (str(path),), facts.architecture)
    return replace(base, go=known.template) if known else base


def _open(name: str, settings: Settings) -> Model:
    try:
        return Store(settings.models).open_model(ModelName.parse(name), name)
    except ModelNotFound as error:
        raise CommandFailed(str(error), UNREADABLE) from error


def _weights(model: Model) -> tuple[str, ...]:
    return tuple(str(path) for path in model.model_paths)


def _messages(stored: list[dict[str, Any]]) -> tuple[Message, ...]:
    return tuple(msgspec.convert(message, Message, strict=False) for message in stored)
