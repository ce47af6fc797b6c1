"""``lint``: what is wrong with Modelfiles, and what is probably not meant."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyollama.cli.flags import switch
from pyollama.cli.fmt import CHECK_FAILED, DEFAULT, STANDARD_INPUT, read_source
from pyollama.cli.group import app, command
from pyollama.errors import CommandFailed, PyollamaError

if TYPE_CHECKING:
    from modelfile_grammar.lint import Finding
    from pyollama.gguf import GGUFFacts


_MAGIC = b"GGUF"


@command()
@click.argument("files", metavar="[FILE|-]...", nargs=-1)
@switch("--json", "as_json", help="Print the findings as JSON")
@switch("--strict", help="Warnings count as errors")
@switch("--offline", help="Do not look up models in the store")
@click.pass_context
def lint(context: click.Context, files: tuple[str, ...], as_json: bool, strict: bool, offline: bool) -> None:
    """Check Modelfiles.

    Without FILE, ./Modelfile. A single - reads standard input. Exits with 5 on errors.
    """
    from modelfile_grammar.lint import lint as examine

    store = None if offline else app().settings.models
    found: list[tuple[str, Finding]] = []
    for name in files or DEFAULT:
        folder = Path() if name == STANDARD_INPUT else Path(name).parent
        found += [(name, finding) for finding in examine(read_source(name), LocalFiles(folder, store))]
    if as_json:
        click.echo(json.dumps([finding.to_dict(name) for name, finding in found], ensure_ascii=False, indent=2))
    else:
        _print(found)
    severities = {finding.severity for _, finding in found}
    context.exit(CHECK_FAILED if "error" in severities or (strict and "warning" in severities) else 0)


def _print(found: list[tuple[str, Finding]]) -> None:
    for name, one in found:
        click.echo(f"{name}:{one.line}:{one.column}: {one.severity} {one.code} {one.message}")
    counts = Counter(finding.severity for _, finding in found)
    click.echo(", ".join(f"{counts[name]} {name}{'s' * (counts[name] != 1)}" for name in ("error", "warning", "info")))


class LocalFiles:
    """Answers about the files and models a Modelfile names, from the disk only. Unknown is never an error."""

    def __init__(self, folder: Path, store: Path | None) -> None:
        self.folder, self.store = folder, store
        self._facts = cache(self._read_facts)

    def exists(self, value: str) -> bool | None:
        path = self._path(value)
        return None if path is None else path.exists()

    def is_model_name(self, value: str) -> bool:
        from pyollama.store.names import ModelName

        try:
            ModelName.parse(value)
        except PyollamaError:
            return False
        return True

    def same(self, one: str, other: str) -> bool:
        first, second = self._path(one), self._path(other)
        return first is not None and first == second

    def context_length(self, base: str) -> int | None:
        found = self._facts(base)
        return (found[0].context_length or None) if found else None

    def bits_per_weight(self, base: str) -> float | None:
        found = self._facts(base)
        return found[1] * 8 / found[0].parameter_count if found and found[0].parameter_count else None

    def _path(self, value: str) -> Path | None:
        from pyollama.cli.files.sources import absolute

        try:
            return absolute(value, self.folder.absolute())
        except (CommandFailed, ValueError):
            return None

    def _read_facts(self, base: str) -> tuple[GGUFFacts, int] | None:
        """The header's facts and the bytes of the file behind FROM, if it is a GGUF or a stored model."""
        from pyollama.gguf import GGUFFacts
        from pyollama.store.facts import read_header

        try:
            path = self._gguf_path(base)
            if path is None:
                return None
            with read_header(path) as header:
                return GGUFFacts.of_header(header), path.stat().st_size
        except (PyollamaError, OSError, ValueError):
            return None

    def _gguf_path(self, base: str) -> Path | None:
        path = self._path(base)
        if path is not None and path.is_file():
            with path.open("rb") as file:
                return path if file.read(len(_MAGIC)) == _MAGIC else None
        if self.store is None or (path is not None and path.exists()):
            return None
        from pyollama.store.names import ModelName
        from pyollama.store.store import Store

        paths = Store(self.store).open_model(ModelName.parse(base)).model_paths
        return paths[0] if paths else None
