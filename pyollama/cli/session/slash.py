"""The slash commands of a session. Feedback goes to stdout, help to stderr."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import click

from modelfile_grammar import ParameterError, parse_parameter
from pyollama.cli.asking import THINK_VALUES
from pyollama.cli.models import models_table
from pyollama.cli.session import blocks, guide
from pyollama.cli.session.chat import Chat, about_thinking
from pyollama.cli.session.history import SessionHistory
from pyollama.cli.show import sections
from pyollama.errors import ApiError, PyollamaError

_NAME = 30  # columns of a parameter's name
_MISSING = {
    "license": "No license was specified for this model.",
    "system": "No system message was specified for this model.",
    "template": "No prompt template was specified for this model.",
}


class Leave(Exception):
    """The user wants to leave the session."""


class Slash:
    """Runs the slash commands of one chat."""

    def __init__(self, chat: Chat, history: SessionHistory) -> None:
        self._chat, self._history = chat, history
        self._commands: list[tuple[str, Callable[[str, list[str]], None]]] = [
            ("/list", self._list),
            ("/load", self._load),
            ("/save", self._save),
            ("/clear", self._clear),
            ("/set", self._set),
            ("/show", self._show),
            ("/help", self._help),
            ("/?", self._help),
            ("/exit", self._leave),
            ("/bye", self._leave),
        ]

    def run(self, line: str) -> None:
        """Run the command a line begins with.

        Raises:
            Leave: /bye or /exit.
        """
        for name, action in self._commands:
            if line.startswith(name):
                action(line, line.split()[1:])
                return
        click.echo(f"Unknown command '{line.split()[0]}'. Type /? for help")

    def _list(self, _line: str, args: list[str]) -> None:
        click.echo(models_table(self._chat.client.tags()["models"], args[0] if args else ""), nl=False)

    def _load(self, _line: str, args: list[str]) -> None:
        if len(args) != 1:
            click.echo("Usage:\n  /load <modelname>")
            return
        before = (self._chat.asking, self._chat.info, self._chat.messages)
        click.echo(f"Loading model '{args[0]}'")
        try:
            self._chat.switch(args[0], self._chat.client.show(args[0]))
            self._chat.load()
        except ApiError as error:
            self._chat.asking, self._chat.info, self._chat.messages = before
            click.echo(f"Couldn't find model '{args[0]}'" if error.status == 404 else f"error: {error}")

    def _save(self, _line: str, args: list[str]) -> None:
        if len(args) != 1:
            click.echo("Usage:\n  /save <modelname>")
            return
        try:
            self._chat.save(args[0])
        except ApiError as error:
            invalid = "invalid model name" in str(error)
            click.echo(f"error: The model name '{args[0]}' is invalid" if invalid else f"error: {error}")
            return
        click.echo(f"Created new model '{args[0]}'")

    def _clear(self, _line: str, _args: list[str]) -> None:
        self._chat.clear()
        click.echo("Cleared session context")

    def _help(self, _line: str, args: list[str]) -> None:
        topic = args[0].removeprefix("/") if args else ""
        click.echo(guide.TOPICS.get(topic, guide.COMMANDS), err=True)

    def _leave(self, _line: str, _args: list[str]) -> NoReturn:
        raise Leave

    # --- /set ---------------------------------------------------------------------------------------------------------

    def _set(self, line: str, args: list[str]) -> None:
        asking = self._chat.asking
        match args:
            case []:
                click.echo(guide.SET, err=True)
            case ["parameter", *rest]:
                self._set_parameter(rest)
            case ["system", *_]:
                self._set_system(line)
            case ["history" | "nohistory" as word]:
                self._history.writing = word == "history"
            case ["wordwrap" | "nowordwrap" as word]:
                asking.wordwrap = word == "wordwrap"
                click.echo(f"Set '{word}' mode.")
            case ["verbose" | "quiet" as word]:
                asking.verbose = word == "verbose"
                click.echo(f"Set '{word}' mode.")
            case ["format", "json"]:
                asking.format = "json"
                click.echo("Set format to 'json' mode.")
            case ["format", *_]:
                click.echo("Invalid or missing format. For 'json' mode use '/set format json'")
            case ["noformat"]:
                asking.format = None
                click.echo("Disabled format.")
            case ["think" | "nothink", *level]:
                self._set_think(args[0] == "think", level)
            case [other, *_]:
                click.echo(f"Unknown command '/set {other}'. Type /? for help")

    def _set_parameter(self, args: list[str]) -> None:
        if len(args) < 2:
            click.echo(guide.PARAMETERS, err=True)
            return
        name, *values = args
        try:
            self._chat.asking.options[name] = parse_parameter(name, values)
        except ParameterError as error:
            click.echo(f'Couldn\'t set parameter: "{error}"')
            return
        click.echo(f"Set parameter '{name}' to '{', '.join(values)}'")

    def _set_system(self, line: str) -> None:
        text = blocks.unquote(line.split("system", 1)[1].strip())
        if not text:
            click.echo(guide.SET, err=True)
            return
        self._chat.set_system(text)
        click.echo("Set system message.")

    def _set_think(self, on: bool, level: list[str]) -> None:
        chat = self._chat
        if on and level and level[0] not in THINK_VALUES:
            click.echo(f"Unknown think level '{level[0]}'. Use one of {', '.join(THINK_VALUES[2:])}")
            return
        named = on and bool(level) and level[0] not in ("true", "false")
        chat.asking.think = level[0] if named else on and level[:1] != ["false"]
        if named:
            click.echo(f"Set 'think' mode to '{level[0]}'.")
        else:
            click.echo(f"Set '{'think' if chat.asking.think else 'nothink'}' mode.")
        if "thinking" not in chat.capabilities:
            click.echo(f'warning: model "{chat.asking.model}" does not support thinking output', err=True)

    # --- /show --------------------------------------------------------------------------------------------------------

    def _show(self, _line: str, args: list[str]) -> None:
        if not args:
            click.echo(guide.SHOW, err=True)
            return
        chat = self._chat
        chat.info = chat.client.show(chat.asking.model)
        match args[0]:
            case "info":
                click.echo(sections(chat.info), err=True, nl=False)
            case "parameters":
                self._show_parameters()
            case "system" if chat.asking.system:
                click.echo(chat.asking.system)
            case "license" | "modelfile" | "system" | "template" as part:
                click.echo(chat.info.get(part) or _MISSING.get(part, ""))
            case other:
                click.echo(f"Unknown command '/show {other}'. Type /? for help")

    def _show_parameters(self) -> None:
        click.echo("Model defined parameters:")
        lines = [line for line in self._chat.info.get("parameters", "").splitlines() if line.strip()]
        for line in lines or ["No additional parameters were specified for this model."]:
            click.echo(f"  {line}")
        click.echo()
        if options := self._chat.asking.options:
            click.echo("User defined parameters:")
            for name, value in options.items():
                text = ", ".join(map(str, value)) if isinstance(value, list) else _literal(value)
                click.echo(f"  {name:<{_NAME}} {text}")
            click.echo()


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def explain(error: PyollamaError) -> None:
    """One line about a failed request; the session goes on."""
    text = str(error)
    if isinstance(error, ApiError) and about_thinking(error):  # the status line says nothing more here
        text = text.partition(": ")[2] or text
    click.echo(f"error: {text}", err=True)
