"""Local files behind FROM, ADAPTER and DRAFT, found on the client as docs/reference/modelfile.md says."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pyollama.errors import CommandFailed

_SNIFFED = 512  # bytes
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_CONTROL = frozenset([*range(9), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])  # bytes no text has
_LFS = b"version https://git-lfs"

# Weights of a folder, best first: patterns, and what their content must look like (None: anything).
_WEIGHTS: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (("model*.safetensors", "*/model*.safetensors"), None),
    (("consolidated*.safetensors",), None),
    (("adapters.safetensors",), None),
    (("adapter_model.safetensors",), None),
    (("pytorch_model*.bin",), "zip"),
    (("consolidated*.pth",), "zip"),
    (("*.gguf",), "binary"),
    (("*.bin",), "binary"),
)


def local_files(value: str, folder: Path) -> list[Path] | None:
    """The files a value names, relative to the Modelfile's folder. None: there is nothing of that name.

    Raises:
        CommandFailed: something is there, but it cannot be read or holds no model.
    """
    path = absolute(value, folder)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise CommandFailed(f"{path}: {error.strerror}") from error
    return folder_files(path) if stat.S_ISDIR(mode) else [path]


def absolute(value: str, folder: Path) -> Path:
    """The absolute, clean path a value stands for; ``~`` and ``~name`` are homes."""
    if value.startswith("~"):
        expanded = os.path.expanduser(value)  # noqa: PTH111  # says by its result that a user is unknown
        if expanded == value:
            user = value[1:].partition("/")[0]
            raise CommandFailed(f"failed to find user '{user}': unknown user {user}")
        value = expanded
    path = Path(value) if value.startswith(("/", "\\")) else folder / value
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow links


def folder_files(folder: Path) -> list[Path]:
    """Weights, configuration and tokenizer of a model's folder."""
    weights = next(filter(None, (_group(folder, patterns, kind) for patterns, kind in _WEIGHTS)), None)
    if weights is None:
        raise CommandFailed("no Modelfile or safetensors files found")
    for path in weights:
        if _head(path).startswith(_LFS):
            raise CommandFailed(f"{path.name} is a git-LFS pointer, not the file itself; fetch it with 'git lfs pull'")
    texts = [*_glob(folder, "*.json"), *_glob(folder, "*/*.json"), *_glob(folder, "chat_template.jinja")]
    for path in texts:
        if (kind := sniff(path)) != "text":
            raise CommandFailed(f"invalid content type: expected {kind} for {path}")
    return [*weights, *texts, *_tokenizer(folder)]


def sniff(path: Path) -> str:
    """``zip``, ``text`` or ``binary``, by the first bytes."""
    head = _head(path)
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    return "binary" if _CONTROL.intersection(head) else "text"


def relative_keys(paths: Sequence[Path]) -> dict[Path, str]:
    """Names for the server: relative to the deepest folder that holds them all, with forward slashes."""
    if not paths:
        return {}
    root = Path(os.path.commonpath([path.parent for path in paths]))
    return {path: path.relative_to(root).as_posix() for path in paths}


def _group(folder: Path, patterns: Iterable[str], kind: str | None) -> list[Path]:
    found = [path for pattern in patterns for path in _glob(folder, pattern)]
    return [] if kind and any(sniff(path) != kind for path in found) else found


def _glob(folder: Path, pattern: str) -> Iterator[Path]:
    root = folder.resolve()
    for path in sorted(folder.glob(pattern)):
        target = path.resolve()
        if target.is_relative_to(root):
            yield path
            continue
        text = f"insecure path: {path.relative_to(folder)}"
        if ".cache" in target.parts:
            text += "; the folder is part of a hub's cache, whose files are links: download to a folder of its own"
        raise CommandFailed(text)


def _tokenizer(folder: Path) -> list[Path]:
    own = [path for path in _glob(folder, "tokenizer.model") if sniff(path) == "binary"]
    return own or [path for path in _glob(folder, "*/tokenizer.model") if sniff(path) == "text"]


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_SNIFFED)
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
