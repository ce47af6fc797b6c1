"""``list``, ``ps``, ``stop``, ``cp`` and ``rm``: the models of a server."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pyollama.cli.flags import switch
from pyollama.cli.group import command, pass_client
from pyollama.cli.help.environment import CLIENT
from pyollama.cli.names import complete_model
from pyollama.cli.output.formats import human_bytes, human_time, parse_time
from pyollama.cli.output.progress import open_progress
from pyollama.cli.output.tables import MAX_CELL, table
from pyollama.errors import ApiError, CommandFailed

if TYPE_CHECKING:
    from pyollama.cli.client import Client

HOST_ONLY = {"OLLAMA_HOST": CLIENT["OLLAMA_HOST"]}
ID_LENGTH = 12


@command("list", variables=HOST_ONLY)
@click.argument("prefix", metavar="[PREFIX]", nargs=-1, shell_complete=complete_model)
@switch("--json", "as_json", help="Print the server's answer as JSON")
@pass_client
def list_models(client: Client, prefix: tuple[str, ...], as_json: bool) -> None:
    """List models.

    The newest come first. With PREFIX, only those whose name begins with it; upper and lower case are the same.
    """
    if as_json:
        click.echo(client.raw("/api/tags"))
    else:
        click.echo(models_table(client.tags()["models"], prefix[0] if prefix else ""), nl=False)


@command(variables=HOST_ONLY)
@click.argument("prefix", metavar="[PREFIX]", nargs=-1, shell_complete=complete_model)
@switch("--json", "as_json", help="Print the server's answer as JSON")
@pass_client
def ps(client: Client, prefix: tuple[str, ...], as_json: bool) -> None:
    """List running models.

    With PREFIX, only those whose name begins with exactly it.
    """
    if as_json:
        click.echo(client.raw("/api/ps"))
        return
    now = datetime.now(UTC)
    rows = [_running_row(m, now) for m in client.ps()["models"] if m["name"].startswith(prefix[0] if prefix else "")]
    header = ("NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL")
    click.echo(table(rows, header=header, limit=_cell_limit()), nl=False)


@command(variables=HOST_ONLY)
@click.argument("model", shell_complete=complete_model)
@pass_client
def stop(client: Client, model: str) -> None:
    """Unload a running model."""
    try:
        unload(client, model)
    except ApiError as error:
        if error.status != 404:
            raise
        raise CommandFailed(f'couldn\'t find model "{model}" to stop') from error


@command(variables=HOST_ONLY)
@click.argument("source", shell_complete=complete_model)
@click.argument("destination", metavar="DESTINATION")
@pass_client
def cp(client: Client, source: str, destination: str) -> None:
    """Copy a model."""
    client.copy(source, destination)
    click.echo(f"copied '{source}' to '{destination}'")


@command(variables=HOST_ONLY)
@click.argument("models", metavar="MODEL [MODEL...]", nargs=-1, required=True, shell_complete=complete_model)
@pass_client
def rm(client: Client, models: tuple[str, ...]) -> None:
    """Delete models, and what no other model uses of them."""
    for model in models:
        _unload_or_warn(client, model)
        client.delete(model)
        click.echo(f"deleted '{model}'")


def models_table(models: list[dict[str, Any]], prefix: str = "") -> str:
    """The table of ``list``; the prefix ignores case."""
    now = datetime.now(UTC)
    rows = [_stored_row(model, now) for model in models if model["name"].lower().startswith(prefix.lower())]
    return table(rows, header=("NAME", "ID", "SIZE", "MODIFIED"), limit=_cell_limit())


def unload(client: Client, model: str) -> None:
    with open_progress() as progress:
        progress.spinner()
        try:
            client.unload(model)
        finally:
            progress.clear()


def processor(size: int, vram: int) -> str:
    """How a loaded model is split between CPU and GPU."""
    if vram == 0 and size:
        return "100% CPU"
    if vram > size or size == 0:
        return "Unknown"
    if vram == size:
        return "100% GPU"
    cpu = round(100 * (size - vram) / size)
    return f"{cpu}%/{100 - cpu}% CPU/GPU"


def until(expires: str, now: datetime) -> str:
    """When a loaded model goes away."""
    when = parse_time(expires)
    return "Stopping..." if when is not None and when <= now else human_time(when, now)


def _stored_row(model: dict[str, Any], now: datetime) -> list[str]:
    size = "-" if model.get("remote_model") else human_bytes(model["size"])
    return [model["name"], model["digest"][:ID_LENGTH], size, human_time(parse_time(model["modified_at"]), now)]


def _running_row(model: dict[str, Any], now: datetime) -> list[str]:
    size, vram = model["size"], model.get("size_vram", 0)
    context = str(model.get("context_length", 0))
    name, identity = model["name"], model["digest"][:ID_LENGTH]
    return [name, identity, human_bytes(size), processor(size, vram), context, until(model["expires_at"], now)]


def _cell_limit() -> int | None:
    return MAX_CELL if sys.stdout.isatty() else None


def _unload_or_warn(client: Client, model: str) -> None:
    try:
        unload(client, model)
    except ApiError as error:
        if error.status != 404:
            click.echo(f"Warning: unable to stop model '{model}'", err=True)
