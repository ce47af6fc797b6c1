"""``render``: the exact prompt a model would get, special tokens and all, without a server."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyollama.cli.flags import switch
from pyollama.cli.fmt import UNREADABLE, read_source
from pyollama.cli.group import app, command
from pyollama.cli.names import complete_model
from pyollama.errors import CommandFailed, ModelNotFound

if TYPE_CHECKING:
    from modelfile_grammar import Build

UNSUPPORTED = 4
Json = dict[str, Any]
_JINJA = "{}: this model's prompts are made by its own Jinja template; render shows Go templates only"


@dataclass(slots=True)
class Prompting:
    """What a model brings to its prompts."""

    template: str
    system: str = ""
    messages: list[Json] = field(default_factory=list)


@command()
@click.argument("model", required=False, shell_complete=complete_model)
@click.option("-f", "--file", "modelfile", metavar="FILE", help="Take template, system text and messages from there")
@click.option("--messages", metavar="FILE", help="JSON: a list of messages, or an object with messages and tools")
@click.option("--prompt", metavar="TEXT", help="A user message, after those of the file")
@click.option("--suffix", metavar="TEXT", help="With --prompt: the text after the place to fill in")
@click.option("--system", metavar="TEXT", help="The system text, instead of the model's")
@click.option("--think", metavar="LEVEL", help="true, false, low, medium, high or max")
@switch("--json", "as_json", help="Print the prompt as a JSON string")
def render(
    model: str | None,
    modelfile: str | None,
    messages: str | None,
    prompt: str | None,
    suffix: str | None,
    system: str | None,
    think: str | None,
    as_json: bool,
) -> None:
    """Render a prompt template.

    Needs MODEL or --file. Prints what the model would get, character by character.
    """
    from modelfile_grammar.template import Template, TemplateError, render_prompt

    brought = _of_modelfile(modelfile) if modelfile else _of_model(model)
    conversation, tools = _read_messages(messages) if messages else ([], [])
    if prompt and not suffix:
        conversation = [*conversation, {"role": "user", "content": prompt}]
    system = brought.system if system is None else system
    asked = [*brought.messages, *conversation]
    if system and not (conversation and conversation[0].get("role") == "system"):
        asked.insert(0, {"role": "system", "content": system})
    try:
        text = render_prompt(
            Template.parse(brought.template),
            messages=asked,
            tools=tools,
            prompt=prompt or "",
            suffix=suffix or "",
            **_thinking(think),
        )
    except TemplateError as error:
        raise CommandFailed(str(error)) from error
    click.echo(json.dumps(text, ensure_ascii=False) if as_json else text, nl=as_json or sys.stdout.isatty())


def _thinking(level: str | None) -> Json:
    """The think arguments of render_prompt."""
    if level is None:
        return {"think": None}
    if level in ("true", "false"):
        return {"think": level == "true", "think_level": "medium" if level == "true" else ""}
    if level in ("low", "medium", "high", "max"):
        return {"think": True, "think_level": level}
    raise click.UsageError(f'invalid argument "{level}" for "--think" flag')


def _of_modelfile(name: str) -> Prompting:
    from modelfile_grammar import ModelfileSyntaxError, build, parse

    try:
        built = build(parse(read_source(name)))
    except ModelfileSyntaxError as error:
        raise CommandFailed(f"{name}: {error.picture()}") from error
    template = built.template if built.template is not None else _inherited(built, Path(name).parent)
    messages = [{"role": role, "content": text} for role, text in built.messages]
    return Prompting(template, built.system or "", messages)


def _inherited(built: Build, folder: Path) -> str:
    """The template of what FROM names: a stored model, or one recognised in a GGUF file."""
    from pyollama.cli.files.sources import absolute
    from pyollama.store.capabilities import DEFAULT_TEMPLATE

    base = built.froms[-1]
    path = absolute(base, folder.absolute())
    if not path.is_file():
        return DEFAULT_TEMPLATE if path.exists() else _of_model(base).template
    return _of_gguf(path)


def _of_gguf(path: Path) -> str:
    from modelfile_grammar.known import detect
    from pyollama.store.capabilities import DEFAULT_TEMPLATE
    from pyollama.store.facts import GGUFFacts, read_header

    with read_header(path) as header:
        jinja = GGUFFacts.of_header(header).chat_template
    known = detect(jinja) if jinja else None
    if jinja and known is None:
        raise CommandFailed(_JINJA.format(path), UNSUPPORTED)
    return known.template if known else DEFAULT_TEMPLATE


def _of_model(name: str | None) -> Prompting:
    from pyollama.store.capabilities import active_template
    from pyollama.store.names import ModelName
    from pyollama.store.store import Store

    if not name:
        raise click.UsageError("render needs MODEL or --file")
    settings = app().settings
    try:
        model = Store(settings.models).open_model(ModelName.parse(name), name)
    except ModelNotFound as error:
        raise CommandFailed(str(error), UNREADABLE) from error
    active = active_template(model, settings.go_template)
    if active.language != "go":
        raise CommandFailed(_JINJA.format(name), UNSUPPORTED)
    return Prompting(active.text, model.system or "", model.messages)


def _read_messages(name: str) -> tuple[list[Json], list[Json]]:
    """Messages and tools of a JSON file."""
    try:
        content = json.loads(read_source(name))
    except ValueError as error:
        raise CommandFailed(f"{name}: {error}", UNREADABLE) from error
    if isinstance(content, dict):
        messages, tools = content.get("messages") or [], content.get("tools") or []
    else:
        messages, tools = content, []
    if not all(isinstance(part, list) and all(isinstance(one, dict) for one in part) for part in (messages, tools)):
        raise CommandFailed(f"{name}: not a list of messages", UNREADABLE)
    return messages, tools
