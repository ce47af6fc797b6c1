"""Commands and the lazy group: what a command costs is paid when it runs.

``command`` makes a command with Ollama's flag rules and help layout; ``pass_client`` gives it a server that answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from pyollama.cli import flags
from pyollama.config import Address, Settings

if TYPE_CHECKING:
    from pyollama.cli.client import Client

P = ParamSpec("P")
R = TypeVar("R")
_NEAR = 2  # edits between a wrong command and one worth naming


@dataclass(slots=True)
class App:
    """What the root flags said; shared by every command of one start."""

    host: str = ""
    color: str = "auto"
    debug: bool = False
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings.from_env(os.environ)
        self.debug |= self.settings.debug > 0

    def use_host(self, text: str) -> None:
        try:
            self.settings = replace(self.settings, host=Address.parse(text))
        except ValueError as error:
            raise click.UsageError(f'invalid argument "{text}" for "--host" flag: {error}') from error

    def client(self) -> Client:
        from pyollama.cli.client import Client

        return Client(self.settings.host)


def app() -> App:
    """The App of the running command."""
    return click.get_current_context().ensure_object(App)


def pass_client(function: Callable[Concatenate[Client, P], R]) -> Callable[P, R]:
    """Call with a Client whose server has answered."""

    @wraps(function)
    def with_client(*args: P.args, **kwargs: P.kwargs) -> R:
        client = app().client()
        client.heartbeat()
        return function(client, *args, **kwargs)

    return with_client


def _set_host(context: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value:
        context.ensure_object(App).use_host(value)


def _set_color(context: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value not in (None, "auto", "always", "never"):
        raise click.UsageError(f'invalid argument "{value}" for "--color" flag: must be auto, always, or never')
    if value:
        context.ensure_object(App).color = value


def _set_debug(context: click.Context, _param: click.Parameter, value: bool) -> None:
    context.ensure_object(App).debug |= value


def shared_options(*, hidden: bool) -> list[click.Option]:
    """The root flags, which every command takes as well."""
    common: dict[str, Any] = {"expose_value": False, "is_eager": True, "hidden": hidden}
    return [
        click.Option(["--host"], metavar="URL", callback=_set_host, help="Server to talk to", **common),
        click.Option(["--color"], metavar="WHEN", callback=_set_color, help="auto, always or never", **common),
        flags.Flag(["--debug"], type=flags.BOOL, default=False, callback=_set_debug, help="Show tracebacks", **common),
    ]


class CliCommand(click.Command):
    """A command with Ollama's flag rules. ``variables`` are listed at the end of its help."""

    def __init__(self, *args: Any, variables: dict[str, str] | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.variables = variables or {}
        self.params += [o for o in shared_options(hidden=True) if o.name not in {p.name for p in self.params}]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # completing an unfinished line
            return super().parse_args(ctx, args)
        params = self.get_params(ctx)
        args = flags.normalise(params, args)
        if "--help" not in args and "-h" not in args:
            flags.check_count(params, args)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from pyollama.cli.help.layout import command_help

        formatter.write(command_help(self, ctx, self.variables))


def command(name: str | None = None, **attrs: Any) -> Callable[[Callable[..., Any]], CliCommand]:
    return click.command(name, cls=CliCommand, **attrs)


class LazyGroup(click.Group):
    """Subcommands by ``name -> (module:attribute, one-line help)``, imported when they are run."""

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]], aliases: dict[str, str], **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.lazy, self.aliases = lazy, aliases
        self.params += shared_options(hidden=False)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, (_, text) in self.lazy.items() if text]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = self.aliases.get(cmd_name, cmd_name)
        if name not in self.lazy:
            return None
        module, _, attribute = self.lazy[name][0].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            args = flags.normalise(self.get_params(ctx), args, interspersed=False)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        found = self.get_command(ctx, name)
        if found is None and not ctx.resilient_parsing:
            raise click.UsageError(self._unknown(ctx, name))
        return self.aliases.get(name, name), found, args[1:]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from pyollama.cli.help.layout import group_help

        formatter.write(group_help(self, ctx, {name: self.lazy[name][1] for name in self.list_commands(ctx)}))

    def _unknown(self, ctx: click.Context, name: str) -> str:
        text = f'unknown command "{name}" for "pyollama"'
        near = [known for known in self.list_commands(ctx) if _distance(name, known) <= _NEAR]
        return text + "".join(["\n\nDid you mean this?", *(f"\n\t{match}" for match in near)] if near else [])


def _distance(a: str, b: str) -> int:
    """Edits (insert, delete, replace one character) from a to b."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]
