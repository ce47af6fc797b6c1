"""What ``render`` needs of a model: a stored one, or the one that a Modelfile would make."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pyollama.cli.files.sources import local_files
from pyollama.cli.fmt import UNREADABLE, read_source
from pyollama.errors import CommandFailed, FormatWithoutTemplate, ModelNotFound, PyollamaError
from pyollama.gguf import GGUFFacts
from pyollama.prompt import gotemplate
from pyollama.prompt.conversation import Style
from pyollama.prompt.messages import forgets_thoughts
from pyollama.store.capabilities import ActiveTemplate, choose_template, named_format, template_capabilities
from pyollama.store.configs import Config
from pyollama.store.facts import read_header
from pyollama.store.names import ModelName
from pyollama.store.store import Store
from pyollama.wire.chat import Message

if TYPE_CHECKING:
    from modelfile_grammar import Build
    from pyollama.config import Settings
    from pyollama.store.models import Model


@dataclass(frozen=True, slots=True)
class Prompting:
    """A model as far as its prompts go."""

    name: str
    style: Style
    capabilities: frozenset[str]
    weights: tuple[str, ...] = ()
    system: str = ""
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class _Base:
    """What a Modelfile builds on."""

    go: str | None = None
    jinja: str | None = None
    weights: tuple[str, ...] = ()
    config: Config = field(default_factory=Config)
    system: str = ""
    messages: tuple[Message, ...] = ()


def of_model(name: str, settings: Settings) -> Prompting:
    """A stored model. CommandFailed."""
    model = _open(name, settings)
    if missing := model.format_without_template:
        raise CommandFailed(str(FormatWithoutTemplate(missing)))
    return Prompting(
        name=name,
        style=_style(model.active_template(settings.go_template), model.template, model.config, model.name.model),
        capabilities=frozenset(model.capabilities(settings.go_template)),
        weights=_weights(model),
        system=model.system or "",
        messages=_messages(model.messages),
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
    config = _configured(base.config, built)
    if base.weights and base.jinja is None and (missing := named_format(go, config)):
        raise CommandFailed(str(FormatWithoutTemplate(missing)))
    active = choose_template(go, base.jinja, config, settings.go_template)
    if active.language == "go":
        gotemplate.check(active.text)
    said = [{"role": role, "content": text} for role, text in built.messages]
    return Prompting(
        name=name,
        style=_style(active, go, config, ""),
        capabilities=template_capabilities(active),
        weights=base.weights,
        system=built.system or base.system,
        messages=_messages(said) if said else base.messages,
    )


def _style(active: ActiveTemplate, go: str | None, config: Config, name: str) -> Style:
    forgets = forgets_thoughts(config.model_family, name)
    return Style(*active, forgets_thoughts=forgets, is_bare=active.language == "go" and go is None)


def _configured(config: Config, built: Build) -> Config:
    """The configuration with what the Modelfile says about rendering and parsing."""
    said = {"renderer": built.renderer or config.renderer, "parser": built.parser or config.parser}
    return msgspec.structs.replace(config, **said)


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
    return _Base(model.template, jinja, _weights(model), model.config, model.system or "", _messages(model.messages))


def _of_file(path: Path) -> _Base:
    """Weights on the disk, with the template that ``create`` would give them."""
    from modelfile_grammar.known import detect

    with read_header(path) as header:
        facts = GGUFFacts.of_header(header)
    known = detect(facts.chat_template) if facts.chat_template else None
    base = _Base(None, facts.chat_template, (str(path),), Config(model_family=facts.architecture))
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
