"""``show``: what a model is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pyollama.cli.flags import switch
from pyollama.cli.group import command, pass_client
from pyollama.cli.models import HOST_ONLY
from pyollama.cli.names import complete_model
from pyollama.cli.output.formats import go_number, human_number
from pyollama.cli.output.tables import MAX_CELL, table, width
from pyollama.errors import CommandFailed

if TYPE_CHECKING:
    from pyollama.cli.client import Client

PARTS = ("license", "modelfile", "parameters", "system", "template")
_INDENT = 4
_TEXT_CELL = 100  # columns of a line of system text or license
_TEXT_LINES = 2
_ARRAY_COLUMNS = 10
Info = dict[str, Any]


@command(variables=HOST_ONLY)
@click.argument("model", shell_complete=complete_model)
@switch("--license", help="Show the license only")
@switch("--modelfile", help="Show the Modelfile only")
@switch("--parameters", help="Show the parameters only")
@switch("--template", help="Show the template only")
@switch("--system", help="Show the system message only")
@switch("-v", "--verbose", help="Show metadata and tensors, too")
@switch("--json", "as_json", help="Print the server's answer as JSON")
@pass_client
def show(client: Client, /, model: str, verbose: bool, as_json: bool, **parts: bool) -> None:
    """Show information about a model."""
    wanted = [part for part in PARTS if parts[part]]
    if len(wanted) > 1:
        names = [f"'--{part}'" for part in PARTS]
        raise CommandFailed(f"only one of {', '.join(names[:-1])}, or {names[-1]} can be specified")
    if as_json:
        click.echo(client.show_raw(model, verbose=verbose))
        return
    info = client.show(model, verbose=verbose and not wanted)
    if wanted:
        click.echo(info.get(wanted[0], ""), nl=wanted[0] not in ("system", "template"))
    else:
        click.echo(sections(info, verbose=verbose), nl=False)


def sections(info: Info, *, verbose: bool = False) -> str:
    """The sections of ``show``, each with an empty line after it; empty ones are left out."""
    metadata: Info = info.get("model_info") or {}
    found = [
        ("Model", _model_rows(info, metadata), MAX_CELL),
        ("Capabilities", [[name] for name in info.get("capabilities") or []], MAX_CELL),
        ("Projector", _projector_rows(info.get("projector_info") or {}), MAX_CELL),
        ("Parameters", [line.split() for line in info.get("parameters", "").splitlines() if line.strip()], MAX_CELL),
    ]
    if verbose:
        found.append(("Metadata", [[key, _value(metadata[key])] for key in sorted(metadata)], MAX_CELL))
        found.append(("Tensors", [_tensor_row(tensor) for tensor in info.get("tensors") or []], MAX_CELL))
    found.append(("System", _head(info.get("system", "")), _TEXT_CELL))
    found.append(("License", _head(info.get("license", "")), _TEXT_CELL))
    return "".join(f"  {title}\n{table(rows, indent=_INDENT, limit=limit)}\n" for title, rows, limit in found if rows)


def _model_rows(info: Info, metadata: Info) -> list[list[str]]:
    details: Info = info.get("details") or {}
    rows = [["architecture", str(metadata.get("general.architecture") or details.get("family", ""))]]
    count = metadata.get("general.parameter_count")
    rows.append(["parameters", details.get("parameter_size") or (human_number(int(count)) if count else "")])
    for suffix in ("context_length", "embedding_length") if metadata else ():
        value = metadata.get(f"{metadata.get('general.architecture')}.{suffix}")
        rows.append([suffix.replace("_", " "), str(int(value)) if value is not None else ""])
    rows.append(["quantization", details.get("quantization_level", "")])
    rows.append(["requires", info.get("requires", "")])
    return [row for row in rows if row[1]]


def _projector_rows(projector: Info) -> list[list[str]]:
    kind = next((word for word in ("vision", "audio") if f"clip.{word}.embedding_length" in projector), "vision")
    count = projector.get("general.parameter_count")
    rows = [
        ["architecture", projector.get("general.architecture")],
        ["parameters", human_number(int(count)) if count else None],
        ["embedding length", projector.get(f"clip.{kind}.embedding_length")],
        ["dimensions", projector.get(f"clip.{kind}.projection_dim")],
    ]
    return [[str(name), str(value)] for name, value in rows if value is not None]


def _tensor_row(tensor: Info) -> list[str]:
    return [tensor["name"], tensor["type"], f"[{' '.join(map(str, tensor['shape']))}]"]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return go_number(value)
    return _array(value) if isinstance(value, list) else str(value if value is not None else "")


def _array(items: list[object]) -> str:
    """As many items as fit a narrow column, at least one, and how many there are beyond.

    The bracket counts one column and what is between two items counts two, as in Ollama.
    """
    shown: list[str] = []
    used = 1
    for text in map(_value, items):
        used += width(text) + (2 if shown else 0)
        if shown and used > _ARRAY_COLUMNS:
            return f"[{' '.join(shown)} ...+{len(items) - len(shown)} more]"
        shown.append(text)
    return f"[{' '.join(shown)}]"


def _head(text: str) -> list[list[str]]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [[line] for line in lines[:_TEXT_LINES]] + [["..."]] * (len(lines) > _TEXT_LINES)
