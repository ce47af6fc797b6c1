"""Everything ``lint`` can say about a Modelfile. What needs the file system is asked from the caller."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Position
from ..formatter import format_modelfile
from ..source import decode
from ..tree import Modelfile
from .commands import check, repeats, stops
from .files import Files, check_files
from .findings import Finding
from .syntax import parse_what_parses
from .templates import check_template

__all__ = ["Files", "Finding", "lint"]


def lint(source: bytes | str, files: Files | None = None) -> list[Finding]:
    """All findings, in file order.

    Args:
        files: answers about files; without it, rules that need them are left out.
    """
    text = decode(source)
    tree, findings = parse_what_parses(text)
    commands = tree.commands
    if not findings and not any(command.word == "from" for command in commands):
        findings.append(Finding.at("E001", "no FROM line", Position(1, 1)))
    for instruction in tree.instructions:
        findings += check(instruction)
        findings += check_template(instruction)
    findings += repeats(commands)
    findings += stops(commands)
    if files is not None:
        findings += check_files(commands, files)
    if not any(finding.severity == "error" for finding in findings):
        findings += _layout(tree, text)
    return sorted(findings, key=lambda finding: (finding.line, finding.column, finding.code))


def _layout(tree: Modelfile, text: str) -> Iterator[Finding]:
    formatted = format_modelfile(tree)
    if formatted == text:
        return
    ours, theirs = formatted.split("\n"), text.split("\n")
    pairs = zip(ours, theirs, strict=False)
    line = next((i for i, (a, b) in enumerate(pairs, 1) if a != b), min(len(ours), len(theirs)))
    yield Finding.at("I201", "formatting differs from fmt", Position(line, 1))
