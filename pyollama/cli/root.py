"""The root command: flags for all commands, ``--version``, and the screen of a bare ``pyollama``."""

from __future__ import annotations

import sys

import click

from pyollama.cli.commands import ALIASES, COMMANDS
from pyollama.cli.flags import switch
from pyollama.cli.group import App, LazyGroup


@click.command(cls=LazyGroup, lazy=COMMANDS, aliases=ALIASES, invoke_without_command=True, no_args_is_help=False)
@switch("-v", "--version", help="Show the versions of server and client")
@switch("--json", "as_json", help="With --version: print JSON")
@switch("--verbose", hidden=True)
@switch("--nowordwrap", hidden=True)
@click.pass_context
def cli(context: click.Context, version: bool, as_json: bool, verbose: bool, nowordwrap: bool) -> None:
    """Run language models on this machine."""
    state = context.ensure_object(App)
    if version:
        from pyollama.cli.welcome import print_version

        print_version(state, as_json=as_json)
        context.exit()
    if context.invoked_subcommand is None:
        if not sys.stdout.isatty():
            click.echo(context.get_help())
            context.exit()
        from pyollama.cli.welcome import print_screen

        print_screen(state)
