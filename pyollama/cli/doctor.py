"""``doctor``: is everything in place, and if not, what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from pyollama.cli.checkup import Verdict
from pyollama.cli.flags import switch
from pyollama.cli.fmt import CHECK_FAILED
from pyollama.cli.group import app, command
from pyollama.cli.help.environment import SERVER
from pyollama.config import Settings
from pyollama.errors import CommandFailed

SCHEMA = 1
HISTORY = Path(".ollama") / "pyollama_history"  # below the home folder; pyollama.cli.session.history writes it


@command(variables={"OLLAMA_HOST": SERVER["OLLAMA_HOST"], "OLLAMA_MODELS": SERVER["OLLAMA_MODELS"]})
@switch("--deep", help="Read every blob and check its digest")
@switch("--fix", help="Remove stale partial files, make own files private")
@click.option("--bundle", metavar="FILE.zip", help="Write the report to a zip file, to attach to a bug report")
@switch("--json", "as_json", help="Print the report as JSON")
@click.pass_context
def doctor(context: click.Context, deep: bool, fix: bool, bundle: str | None, as_json: bool) -> None:
    """Check this installation.

    Exits with 5 if a check fails.
    """
    settings = app().settings
    repaired = _repair(settings) if fix else []
    verdicts = []
    for verdict in examine(settings, deep=deep):
        verdicts.append(verdict)
        if not as_json:
            click.echo(str(verdict))
    report = {
        "schema": SCHEMA,
        "tool": "doctor",
        "checks": [verdict.to_json() for verdict in verdicts],
        "repaired": repaired,
    }
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        for line in repaired:
            click.echo(line)
    if bundle:
        _write_bundle(Path(bundle), report, verdicts)
    context.exit(CHECK_FAILED if any(verdict.status == "fail" for verdict in verdicts) else 0)


def examine(settings: Settings, *, deep: bool) -> Iterator[Verdict]:
    """Every check in the order of the report."""
    from pyollama.cli.checkup import machine, probe, service, storage

    yield machine.python()
    yield machine.packages()
    probed = probe.ask()
    yield machine.native(probed)
    yield machine.devices(probed)
    answer = service.Answer(settings.host)
    yield service.server(answer)
    yield storage.store(settings.models)
    yield storage.blobs(settings.models, deep=deep)
    yield service.port(answer, settings.host)
    yield machine.environment()
    yield machine.proxies()
    yield machine.terminal_abilities()
    yield service.clock(answer)


def _repair(settings: Settings) -> list[str]:
    from pyollama.cli.checkup import storage

    try:
        return storage.repair(settings.models, [Path.home() / HISTORY])
    except OSError as error:
        raise CommandFailed(f"cannot repair: {error}") from error


def _write_bundle(path: Path, report: dict[str, object], verdicts: list[Verdict]) -> None:
    import zipfile

    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("report.json", json.dumps(report, ensure_ascii=False, indent=2))
            archive.writestr("report.txt", "".join(f"{verdict}\n" for verdict in verdicts))
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
