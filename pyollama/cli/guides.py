"""Commands that only print: ``help``, ``launch``, ``completion``, and the refusals ``signin`` and ``signout``."""

from __future__ import annotations

import click

from pyollama.cli.commands import COMPLETE_VARIABLE
from pyollama.cli.group import app, command
from pyollama.errors import CommandFailed

_SHELLS = ("bash", "zsh", "fish")


@command("help")
@click.argument("names", metavar="[COMMAND]", nargs=-1)
@click.pass_context
def help_command(context: click.Context, names: tuple[str, ...]) -> None:
    """Help about any command."""
    root = context.find_root()
    assert isinstance(root.command, click.Group)
    if not names:
        click.echo(root.command.get_help(root))
        return
    found = root.command.get_command(root, names[0])
    if found is None:  # no error: that is how Ollama has it
        click.echo(f"Unknown help topic [{' '.join(f'`{name}`' for name in names)}]", err=True)
        click.echo(root.command.get_help(root).partition("\n\n")[2], err=True)
        return
    click.echo(found.get_help(click.Context(found, info_name=found.name, parent=root, **found.context_settings)))


@command()
@click.argument("integration", metavar="[INTEGRATION]", nargs=-1)
def launch(integration: tuple[str, ...]) -> None:
    """Print the addresses other programs need to use this server."""
    url = app().settings.host.client_url
    click.echo(f"""Ollama clients
  {url}/
      OLLAMA_HOST={url}

Clients of the APIs of OpenAI and Anthropic find no endpoints of theirs yet.""")


@command()
@click.argument("shell", metavar="bash|zsh|fish", shell_complete=lambda *_: list(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a completion script for a shell.

    Load it with: eval "$(pyollama completion bash)"
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell) if shell in _SHELLS else None
    if found is None:
        raise click.UsageError(f"unknown shell {shell!r}: must be one of {', '.join(_SHELLS)}")
    click.echo(found(context.find_root().command, {}, "pyollama", COMPLETE_VARIABLE).source())


@command()
def signin() -> None:
    """Not offered: pyollama has no accounts."""
    raise CommandFailed("pyollama has no account service, so there is nothing to sign in to")


@command()
def signout() -> None:
    """Not offered: pyollama has no accounts."""
    raise CommandFailed("pyollama has no account service, so there is nothing to sign out of")
