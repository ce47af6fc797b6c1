"""What does not parse: every such line, and the rest of the file all the same."""

from __future__ import annotations

from difflib import SequenceMatcher

from ..errors import ModelfileSyntaxError, Position
from ..parser import parse
from ..source import LINE_BREAK
from ..tree import Modelfile
from ..words import INSTRUCTIONS
from .findings import Finding

MOST_SYNTAX_ERRORS = 50

_CODES = {
    "NoFrom": "E001",
    "UnknownInstruction": "E002",
    "BadRole": "E003",
    "Unterminated": "E004",
    "UnknownParameter": "E005",
    "BadValue": "E005",
    "BadParameterName": "E005",
    "BadRequires": "E007",
    "MissingValue": "E010",
    "TooLong": "E011",
}


def parse_what_parses(text: str) -> tuple[Modelfile, list[Finding]]:
    """The tree without the lines that do not parse, and a finding for each of those."""
    findings: list[Finding] = []
    lines = _split_lines(text)
    while True:
        try:
            return parse("".join(lines), require_from=False), findings
        except ModelfileSyntaxError as error:
            findings.append(of_error(error))
            if error.kind in ("Unterminated", "TooLong") or len(findings) >= MOST_SYNTAX_ERRORS:
                del lines[error.line - 1 :]
            else:
                lines[error.line - 1] = "\n"


def of_error(error: ModelfileSyntaxError) -> Finding:
    """The finding that an error of the parser, or of the type of a value, is."""
    message = error.message
    if error.kind == "UnknownInstruction" and not message.startswith("deprecated"):
        written = error.source_line[error.column - 1 :].split(maxsplit=1)[0]
        message = f"unknown instruction {written}: {', '.join(_nearest_first(written))}"
    at = Position(error.line, error.column)
    return Finding.at(_CODES[error.kind], message, at, error.width, error.suggestion)


def _split_lines(text: str) -> list[str]:
    lines, start = [], 0
    for found in LINE_BREAK.finditer(text):
        lines.append(text[start : found.end()])
        start = found.end()
    return [*lines, text[start:]]


def _nearest_first(word: str) -> list[str]:
    """All instructions, the likeliest one first."""
    return sorted((name.upper() for name in INSTRUCTIONS), key=lambda name: -_likeness(name, word.upper()))


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b[:64]).ratio()
