"""``fmt``: Modelfiles laid out the one way."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from pyollama.cli.flags import switch
from pyollama.cli.group import command
from pyollama.errors import CommandFailed

CHECK_FAILED = 5
UNREADABLE = 3
STANDARD_INPUT = "-"
DEFAULT = ("Modelfile",)


@command()
@click.argument("files", metavar="[FILE|-]...", nargs=-1)
@switch("--check", help="Exit with 5 if a file is not formatted; print only the names of such files")
@switch("--diff", help="Print what would change")
@switch("--write", help="Write the files instead of printing them")
@click.pass_context
def fmt(context: click.Context, files: tuple[str, ...], check: bool, diff: bool, write: bool) -> None:
    """Format Modelfiles.

    Without FILE, ./Modelfile. A single - reads standard input.
    """
    changed = []
    for name in files or DEFAULT:
        source = read_source(name)
        text, formatted = as_text(source), _formatted(name, source)
        if formatted != text:
            changed.append(name)
        if diff:
            click.echo(_difference(name, text, formatted), nl=False)
        if write and formatted != text and name != STANDARD_INPUT:
            _write(Path(name), formatted)
        elif check and not diff and formatted != text:
            click.echo(name)
        elif not (check or diff or write) or (write and name == STANDARD_INPUT):
            click.echo(formatted, nl=False)
    context.exit(CHECK_FAILED if check and changed else 0)


def read_source(name: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``. CommandFailed with exit status 3."""
    try:
        return sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{name}: {error.strerror}", UNREADABLE) from error


def as_text(source: bytes) -> str:
    """The file as it stands, for comparison; a byte-order mark counts as a difference."""
    return source.decode("utf-8", "replace")


def _formatted(name: str, source: bytes) -> str:
    from modelfile_grammar import ModelfileSyntaxError, parse
    from modelfile_grammar.formatter import format_modelfile

    try:
        return format_modelfile(parse(source, require_from=False))
    except ModelfileSyntaxError as error:
        raise CommandFailed(f"{name}: {error.picture()}") from error


def _difference(name: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), name, f"{name} (fmt)")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, "utf-8", newline="")
        partial.chmod(path.stat().st_mode)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise CommandFailed(f"{path}: {error.strerror}") from error
