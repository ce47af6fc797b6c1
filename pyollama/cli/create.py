"""``create``: a Modelfile becomes a create request, its local files become blobs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyollama.cli.flags import switch
from pyollama.cli.group import app, command
from pyollama.cli.models import HOST_ONLY
from pyollama.cli.names import check_name
from pyollama.cli.output.progress import open_progress
from pyollama.cli.transfer import status_label, watch
from pyollama.errors import ApiError, CommandFailed

if TYPE_CHECKING:
    from modelfile_grammar import Build
    from pyollama.cli.client import Client

DEFAULT_FILE = "Modelfile"
_WHOLE_FOLDER = b"FROM .\n"  # what a folder without a Modelfile says


@command(variables=HOST_ONLY)
@click.argument("model")
@click.option(
    "-f", "--file", "file", metavar="PATH", help='Modelfile to read, - for standard input (default "./Modelfile")'
)
@click.option("-q", "--quantize", metavar="TYPE", help="Quantize the model, for example to q4_K_M")
@click.option("--draft-quantize", metavar="TYPE", help="Quantize the DRAFT model")
@switch("--experimental", hidden=True)
@switch("--no-progress", help="Show errors and warnings only")
@switch("--json", "as_json", help="Print the server's progress records as JSON lines")
def create(
    model: str,
    file: str | None,
    quantize: str | None,
    draft_quantize: str | None,
    experimental: bool,
    no_progress: bool,
    as_json: bool,
) -> None:
    """Create a model from a Modelfile.

    FROM, ADAPTER and DRAFT may name files and folders of this machine; they are sent to the server.
    """
    check_name(model)
    if experimental:
        raise CommandFailed("--experimental is not supported by pyollama")
    text, folder = read_modelfile(file)
    client = app().client()
    client.heartbeat()
    request = prepare(client, text, folder, quiet=no_progress or as_json)
    if draft_quantize and "draft_files" not in request:
        raise CommandFailed("--draft-quantize requires a DRAFT model")
    options = {"model": model, "quantize": quantize, "draft_quantize": draft_quantize}
    request |= {key: value for key, value in options.items() if value}
    try:
        watch(client.create(**request), status_label, off=no_progress, as_json=as_json)
    except ApiError as error:
        if "path or Modelfile are required" not in str(error):
            raise
        raise CommandFailed("this server is too old for this pyollama: update the server") from error


def read_modelfile(file: str | None) -> tuple[bytes, Path]:
    """A Modelfile's bytes and the folder its paths are relative to."""
    if file == "-":
        return sys.stdin.buffer.read(), Path.cwd()
    path = Path(file or DEFAULT_FILE).absolute()
    try:
        return path.read_bytes(), path.parent
    except FileNotFoundError:
        if file:
            raise CommandFailed("specified Modelfile wasn't found") from None
        return _WHOLE_FOLDER, path.parent
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error


def prepare(client: Client, text: bytes, folder: Path, *, quiet: bool) -> dict[str, Any]:
    """The create request of a Modelfile, with every file it names on the server."""
    from pyollama.cli.files.uploads import hash_files, upload_missing

    built = parse_modelfile(text)
    for warning in built.warnings:
        click.echo(f"warning: {warning.text}", err=True)
    with open_progress(off=quiet) as progress:
        spinner = progress.spinner("gathering model components")
        base, files = find_files(built, folder)
        digests = hash_files(path for paths in files.values() for path in paths)
        spinner.stop()
        upload_missing(client, digests, progress)
    return fields(built) | base | name_files(files, digests)


def parse_modelfile(text: bytes) -> Build:
    from modelfile_grammar import ModelfileSyntaxError, build, parse

    try:
        return build(parse(text))
    except ModelfileSyntaxError as error:
        raise CommandFailed(str(error)) from error


def fields(built: Build) -> dict[str, Any]:
    """Everything of a create request but the files; nothing that is empty."""
    request = {
        "template": built.template,
        "system": built.system,
        "license": list(built.licenses),
        "messages": [{"role": role, "content": text} for role, text in built.messages],
        "parameters": dict(built.parameters),
        "renderer": built.renderer,
        "parser": built.parser,
        "requires": built.requires,
    }
    return {key: value for key, value in request.items() if value}


def find_files(built: Build, folder: Path) -> tuple[dict[str, str], dict[str, list[Path]]]:
    """The base model's name if FROM is one, and the local files by field of the request."""
    from pyollama.cli.files.sources import absolute, local_files

    found = [(value, local_files(value, folder)) for value in built.froms]
    names = [value for value, paths in found if paths is None]
    weights = [path for _, paths in found for path in paths or []]
    if names and weights:
        raise CommandFailed("FROM mixes a model name and local files")
    bases = {absolute(value, folder) for value in built.froms}
    for value in built.drafts:
        if (path := absolute(value, folder)) in bases:
            raise CommandFailed(f"DRAFT must not reference the same local path as FROM: {path}")
    files = {
        "files": weights,
        "adapters": _existing(built.adapters[-1:], folder),
        "draft_files": _existing(built.drafts, folder),
    }
    return ({"from": names[-1]} if names else {}), files


def name_files(files: dict[str, list[Path]], digests: dict[Path, str]) -> dict[str, dict[str, str]]:
    from pyollama.cli.files.sources import relative_keys

    return {
        field: {key: digests[path] for path, key in relative_keys(paths).items()}
        for field, paths in files.items()
        if paths
    }


def _existing(values: list[str], folder: Path) -> list[Path]:
    from pyollama.cli.files.sources import absolute, local_files

    result: list[Path] = []
    for value in values:
        paths = local_files(value, folder)
        if paths is None:
            raise CommandFailed(f"{absolute(value, folder)}: no such file or directory")
        result += paths
    return result
