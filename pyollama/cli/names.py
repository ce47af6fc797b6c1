"""Model names on the command line: their check before any work, and their completion."""

from __future__ import annotations

import click

from pyollama.errors import CommandFailed, PyollamaError


def complete_model(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the server's models that begin like the typed text; none if there is no server."""
    from pyollama.cli.client import quietly
    from pyollama.cli.group import App

    client = ctx.ensure_object(App).client()
    models = (quietly(client.tags) or {}).get("models", [])
    return [model["name"] for model in models if model["name"].startswith(incomplete)]


def check_name(text: str) -> None:
    """Raise CommandFailed unless text can be the name of a model."""
    from pyollama.store.names import ModelName

    try:
        ModelName.parse(text)
    except (PyollamaError, ValueError) as error:
        raise CommandFailed(f"invalid model name: {text}") from error
