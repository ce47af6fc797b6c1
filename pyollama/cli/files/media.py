"""Images and sounds named in a prompt: found, checked, cut out and encoded."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click

from pyollama.errors import CommandFailed

MAX_BYTES = 100 * 10**6
_SNIFFED = 512
_ENDING = re.compile(r"\.(?:jpe?g|png|webp|wav)(?![A-Za-z0-9_])", re.IGNORECASE)
_START = re.compile(r"(?<!\S)[\"']?(?:file://)?(?:[A-Za-z]:|\.{0,2}[/\\]|~|\w)")
_ESCAPED = re.compile(r"\\([ ()\[\]{}$&;'\\*?~])")
_AUDIO = "audio/wave"
_SIGNATURES = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"RIFF....WEBPVP", re.DOTALL), "image/webp"),
    (re.compile(rb"RIFF....WAVE", re.DOTALL), _AUDIO),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"BM"), "image/bmp"),
    (re.compile(rb"%PDF-"), "application/pdf"),
    (re.compile(rb"PK\x03\x04"), "application/zip"),
    (re.compile(rb"[^\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]*\Z"), "text/plain; charset=utf-8"),
)
_ACCEPTED = ("image/jpeg", "image/png", "image/webp", _AUDIO)


def extract(prompt: str) -> tuple[str, list[str]]:
    """The prompt without the files it names, trimmed, and those files as base64. Missing files stay in the text.

    Raises:
        CommandFailed: a file is of another type, or too large.
    """
    spans = list(_existing_files(prompt))
    if not spans:
        return prompt, []
    encoded = [encode(path) for _, _, path in spans]
    for start, end, _ in reversed(spans):
        prompt = prompt[:start] + prompt[end:]
    return prompt.strip(), encoded


def encode(path: Path) -> str:
    """A file's content as base64, and a line on stderr that it was taken."""
    try:
        kind = _check(path)
        content = path.read_bytes()
    except OSError as error:
        raise _refused(f"{path}: {(error.strerror or str(error)).lower()}") from error
    click.echo(f"Added {'audio' if kind == _AUDIO else 'image'} '{path}'", err=True)
    return base64.b64encode(content).decode("ascii")


def names_file(prompt: str) -> bool:
    """Whether a prompt begins with the path of an existing file of ours."""
    return any(start == 0 for start, _, _ in _existing_files(prompt))


def _check(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_SNIFFED)
    kind = next((name for pattern, name in _SIGNATURES if pattern.match(head)), "application/octet-stream")
    if kind not in _ACCEPTED:
        raise _refused(f"invalid file type: {kind}")
    if path.stat().st_size > MAX_BYTES:
        raise _refused("file size exceeds maximum limit (100MB)")
    return kind


def _refused(reason: str) -> CommandFailed:
    click.echo(f'Couldn\'t process file: "{reason}"', err=True)
    return CommandFailed(reason)


def _existing_files(prompt: str) -> Iterator[tuple[int, int, Path]]:
    """Start, end and path of each file; the longest text that names an existing file wins."""
    done = 0
    for ending in _ENDING.finditer(prompt):
        for candidate in _START.finditer(prompt, done, ending.start()):
            start, quote = candidate.start(), prompt[candidate.start()]
            quoted = quote in "\"'"
            path = _path(prompt[start + quoted : ending.end()])
            if path is None:
                continue
            closes = quoted and prompt[ending.end() : ending.end() + 1] == quote
            done = ending.end() + closes
            yield start if closes or not quoted else start + 1, done, path
            break


def _path(text: str) -> Path | None:
    if text.startswith("file://"):
        text = unquote(text.removeprefix("file://"))
    for spelling in (_ESCAPED.sub(r"\1", text), text):
        path = Path(os.path.expanduser(spelling))  # noqa: PTH111  # an unknown ~user is no error here
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):
            continue
    return None
