"""``--version`` and the short screen of a bare ``pyollama``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import click

from pyollama import __version__
from pyollama.cli.client import Client, quietly
from pyollama.cli.group import App
from pyollama.cli.help.layout import rows
from pyollama.cli.models import until
from pyollama.cli.output.formats import human_bytes

NEWEST = 5


def print_version(app: App, *, as_json: bool) -> None:
    """Versions of server and client. A server that does not answer is worth a warning, never an error."""
    client = app.client()
    found = quietly(client.version)
    if as_json:
        click.echo(json.dumps(found if found is not None else {"client": __version__}))
        return
    if found is None:
        click.echo("Warning: could not connect to a running pyollama instance")
        click.echo(f"Warning: client version is {__version__}")
        return
    server = found.get("pyollama") or found.get("version", "unknown")
    click.echo(f"pyollama version is {server}")
    if server != __version__:
        click.echo(f"Warning: client version is {__version__}")
    click.echo(f"API level: ollama {found.get('version', 'unknown')}")


def print_screen(app: App) -> None:
    """Is a server there, what has it loaded, which models are new, how to go on."""
    client = app.client()
    found = quietly(client.version)
    click.echo(f"pyollama {__version__}\n")
    if found is None:
        click.echo(f"No server answers at {client.base_url}. Start one with:\n\n  pyollama serve\n")
    else:
        click.echo(f"Server {found.get('pyollama') or found.get('version')} at {client.base_url}\n")
        _print_models(client)
    click.echo('"pyollama run MODEL" starts a session, "pyollama help" lists all commands.')


def _print_models(client: Client) -> None:
    running: list[dict[str, Any]] = (quietly(client.ps) or {}).get("models", [])
    stored: list[dict[str, Any]] = (quietly(client.tags) or {}).get("models", [])
    now = datetime.now(UTC)
    if running:
        click.echo("Loaded models")
        click.echo(rows((m["name"], f"{human_bytes(m['size'])}, {until(m['expires_at'], now)}") for m in running))
        click.echo()
    if stored:
        click.echo("Newest models")
        click.echo(rows((m["name"], human_bytes(m["size"])) for m in stored[:NEWEST]) + "\n")
    else:
        click.echo("No models yet. Make one from a Modelfile:\n\n  pyollama create NAME -f Modelfile\n")
