"""``pull`` and ``push``: a registry's models, moved by the server while we watch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from pyollama.cli.flags import switch
from pyollama.cli.group import command, pass_client
from pyollama.cli.models import HOST_ONLY
from pyollama.cli.names import complete_model
from pyollama.cli.output.items import Bar, Spinner
from pyollama.cli.output.progress import Display, open_progress
from pyollama.errors import ApiError, CommandFailed

if TYPE_CHECKING:
    from pyollama.cli.client import Client

Records = Iterator[dict[str, Any]]
_SHORT_DIGEST = 12
_DENIED = ("access denied", "unauthorized")


@command(variables=HOST_ONLY)
@click.argument("model")
@switch("--insecure", help="Use plain HTTP to the registry")
@switch("--no-progress", help="Show errors and warnings only")
@switch("--json", "as_json", help="Print the server's progress records as JSON lines")
@pass_client
def pull(client: Client, model: str, insecure: bool, no_progress: bool, as_json: bool) -> None:
    """Download a model from a registry."""
    watch(client.pull(model, insecure=insecure), pull_label, off=no_progress, as_json=as_json)


@command(variables=HOST_ONLY)
@click.argument("model", shell_complete=complete_model)
@switch("--insecure", help="Use plain HTTP to the registry")
@switch("--no-progress", help="Show errors and warnings only")
@switch("--json", "as_json", help="Print the server's progress records as JSON lines")
@pass_client
def push(client: Client, model: str, insecure: bool, no_progress: bool, as_json: bool) -> None:
    """Upload a model to a registry."""
    try:
        watch(client.push(model, insecure=insecure), status_label, off=no_progress, as_json=as_json)
    except ApiError as error:
        if any(sign in str(error).lower() for sign in _DENIED):
            text = "you are not authorized to push to this namespace, create the model under a namespace you own"
            raise CommandFailed(text) from error
        raise
    if not as_json:
        click.echo(f"\nYou can find your model at:\n\n\t{location(model)}")


def location(model: str) -> str:
    """Where a pushed model is found: its registry's page, or its name elsewhere."""
    from pyollama.store.names import DEFAULT_HOST, ModelName

    name = ModelName.parse(model)
    if name.host != DEFAULT_HOST:
        return name.shortest()
    return f"https://{DEFAULT_HOST.removeprefix('registry.')}/{name.shortest().removesuffix(':latest')}"


def pull_label(record: dict[str, Any]) -> str:
    return f"pulling {record['digest'].removeprefix('sha256:')[:_SHORT_DIGEST]}:"


def status_label(record: dict[str, Any]) -> str:
    return str(record.get("status", ""))


def watch(
    records: Records, label: Callable[[dict[str, Any]], str], *, off: bool = False, as_json: bool = False
) -> None:
    """Show the records of a pull, push or create until the stream ends."""
    if as_json:
        _print_json(records)
        return
    with open_progress(off=off) as progress:
        follow(records, label, progress)


def follow(records: Records, label: Callable[[dict[str, Any]], str], progress: Display) -> None:
    """A bar for each digest, a spinner for each other status; a new item stops the spinner before."""
    bars: dict[str, Bar] = {}
    spinner: Spinner | None = None
    try:
        for record in records:
            digest, done = record.get("digest"), record.get("completed", 0)
            if digest and not done:
                continue  # announced; no byte has moved yet
            if digest in bars:
                bars[digest].set(done)
                continue
            status = str(record.get("status", ""))
            if not digest and spinner is not None and spinner.message == status:
                continue
            if spinner is not None:
                spinner.stop()
                spinner = None
            if digest:
                bars[digest] = progress.bar(label(record), record.get("total", 0), done)
            else:
                spinner = progress.spinner(status)
    finally:
        if spinner is not None:
            spinner.stop()


def _print_json(records: Records) -> None:
    status = None
    for record in records:
        click.echo(json.dumps(record, ensure_ascii=False, separators=(",", ":")))
        status = record.get("status")
    if status != "success":
        click.echo('{"status":"success"}')
