"""``run``: ask a model once, or talk to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyollama.cli.asking import (
    Asking,
    Interrupted,
    is_multimodal,
    parse_format,
    parse_keep_alive,
    parse_options,
    parse_think,
    print_statistics,
    show_answer,
)
from pyollama.cli.flags import INT, Flag, switch
from pyollama.cli.group import app, command
from pyollama.cli.help.environment import CLIENT
from pyollama.cli.names import complete_model
from pyollama.cli.output.progress import open_progress
from pyollama.errors import ApiError, CommandFailed

if TYPE_CHECKING:
    from pyollama.cli.client import Client

VARIABLES = {name: CLIENT[name] for name in ("OLLAMA_EDITOR", "OLLAMA_HOST", "OLLAMA_NOHISTORY")}


@dataclass(slots=True)
class Once:
    """What only a one-shot run takes."""

    prompt: str
    images: tuple[str, ...] = ()
    stats_json: str | None = None
    truncate: bool | None = None
    dimensions: int = 0
    no_progress: bool = False


@command(variables=VARIABLES)
@click.argument("model", shell_complete=complete_model)
@click.argument("prompt", metavar="[PROMPT...]", nargs=-1)
@click.option("--keepalive", metavar="DURATION", help="How long the model stays loaded afterwards, for example 5m")
@switch("--verbose", help="Print statistics after each answer")
@switch("--insecure", help="Use plain HTTP to the registry if the model must be pulled")
@switch("--nowordwrap", help="Do not wrap words")
@click.option("--format", "answer_format", metavar="FORMAT", help="json, or a JSON schema the answer must follow")
@click.option("--think", cls=Flag, metavar="LEVEL", help="Thinking: true, false, high, medium, low or max")
@switch("--hidethinking", help="Do not print what the model thinks")
@switch("--truncate", default=None, help="Embedding models: cut input that is too long")
@click.option("--dimensions", type=INT, default=0, help="Embedding models: length of the vector")
@click.option("--system", metavar="TEXT", default="", help="System message in place of the model's")
@click.option("--option", "pairs", metavar="NAME=VALUE", multiple=True, help="Set a parameter; may be repeated")
@click.option("--image", "images", metavar="PATH", multiple=True, help="Send an image or sound; may be repeated")
@click.option("--stats-json", metavar="FILE", help="Write the statistics of the answer as JSON")
@switch("--no-pull", help="Fail if the server does not have the model")
@switch("--no-progress", help="Show errors and warnings only")
def run(model: str, prompt: tuple[str, ...], insecure: bool, no_pull: bool, no_progress: bool, **given: Any) -> None:
    """Run a model.

    With a prompt, or with text on standard input, it answers once; otherwise a session starts.
    """
    asking = _asking(model, given)
    piped = read_piped()
    text = " ".join([*filter(None, [piped]), *prompt])
    once = Once(text, given["images"], given["stats_json"], given["truncate"], given["dimensions"], no_progress)
    interactive = piped is None and not prompt and not once.images and sys.stdout.isatty()
    client = app().client()
    client.heartbeat()
    info = find_model(client, model, pull=not no_pull, insecure=insecure, quiet=no_progress)
    capabilities = info.get("capabilities") or []
    if asking.think is None and "thinking" in capabilities:
        asking.think = True
    if "embedding" in capabilities:
        embed(client, asking, once)
    elif "image" in capabilities:
        raise CommandFailed("image generation models are not currently supported")
    elif interactive:
        from pyollama.cli.session.loop import talk

        talk(client, asking, info, app().settings)
    else:
        answer_once(client, asking, once, multimodal=is_multimodal(info))


def _asking(model: str, given: dict[str, Any]) -> Asking:
    return Asking(
        model,
        options=parse_options(given["pairs"]),
        system=given["system"],
        format=parse_format(given["answer_format"]),
        think=parse_think(given["think"]),
        keep_alive=parse_keep_alive(given["keepalive"]),
        hide_thinking=given["hidethinking"],
        wordwrap=not given["nowordwrap"],
        verbose=given["verbose"],
        color=app().color,
    )


def read_piped() -> str | None:
    """All of standard input if it is no terminal; None if it is one."""
    if sys.stdin is None or sys.stdin.isatty():
        return None
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def find_model(client: Client, model: str, *, pull: bool, insecure: bool, quiet: bool) -> dict[str, Any]:
    """What the server knows about a model, which it pulls first if it must."""
    from pyollama.cli.transfer import pull_label, watch

    try:
        return client.show(model)
    except ApiError as error:
        if error.status != 404 or not pull:
            raise
    if model.lower().endswith((":cloud", "-cloud")):
        raise CommandFailed(f"{model}: cloud models are not supported by pyollama")
    watch(client.pull(model, insecure=insecure), pull_label, off=quiet)
    return client.show(model)


def answer_once(client: Client, asking: Asking, once: Once, *, multimodal: bool) -> None:
    from pyollama.cli.files.media import encode, extract

    images = [encode(Path(path)) for path in once.images]
    prompt = once.prompt
    if multimodal:
        prompt, named = extract(prompt)
        images += named
    extra = {"system": asking.system, "images": images}
    fields = asking.fields() | {key: value for key, value in extra.items() if value}
    last = _with_spinner(
        lambda visible: _finish(asking, client.generate(prompt=prompt, **fields), visible, prompt), once.no_progress
    )
    if asking.verbose:
        print_statistics(last)
    if once.stats_json:
        _write_statistics(Path(once.stats_json), last)


def embed(client: Client, asking: Asking, once: Once) -> None:
    """Print the vector of the prompt as one JSON line."""
    text = once.prompt.removesuffix("\n")
    if not text:
        raise CommandFailed(f'embedding models require input text. Usage: pyollama run {asking.model} "your text here"')
    extra: dict[str, Any] = {
        "truncate": once.truncate,
        "dimensions": once.dimensions or None,
        "keep_alive": asking.keep_alive,
        "options": asking.options or None,
    }
    fields = {key: value for key, value in extra.items() if value is not None}
    reply = client.embed(model=asking.model, input=text, **fields)
    click.echo(json.dumps(reply["embeddings"][0], separators=(",", ":")))


def _finish(asking: Asking, records: Any, visible: Callable[[], None], prompt: str) -> dict[str, Any]:
    try:
        _, last = show_answer(asking, records, visible)
    except Interrupted:
        click.echo()
        raise
    if prompt:
        click.echo("\n")
    return last


def _with_spinner(work: Callable[[Callable[[], None]], dict[str, Any]], quiet: bool) -> dict[str, Any]:
    """Turn a spinner until the work says that something is visible."""
    with open_progress(off=quiet) as progress:
        progress.spinner()
        try:
            return work(progress.clear)
        finally:
            progress.clear()


def _write_statistics(path: Path, record: dict[str, Any]) -> None:
    left_out = ("response", "message", "context", "thinking", "logprobs")
    metrics = {key: value for key, value in record.items() if key not in left_out}
    try:
        path.write_text(json.dumps(metrics, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
