"""Durable files: what is renamed into place is on the disk, whole, and so is its directory entry."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from pyollama.errors import StoreError


@contextlib.contextmanager
def system_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a StoreError with the path (``path`` where the system named none) and its text."""
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        raise StoreError(f"{where}: {(error.strerror or str(error)).lower()}") from error


def make_directories(path: Path) -> None:
    """Create ``path`` and its missing parents, each durable."""
    if path.is_dir():
        return
    make_directories(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Nothing to do where directories cannot be opened (Windows)."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def rename_into_place(temporary: Path, final: Path) -> None:
    temporary.replace(final)
    sync_directory(final.parent)


def write_atomically(final: Path, data: bytes, *, temporary_in: Path) -> None:
    """Give ``final`` the content ``data``: a reader sees the old file or the new one. Nothing is left on failure.

    ``temporary_in`` must be on the same file system.
    """
    make_directories(final.parent)
    temporary = temporary_in / f".tmp-{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        rename_into_place(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
