"""Files of the disk: opened without ever waiting, written so that what has its name is whole and durable."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pyollama.errors import NotRegular, StoreError

_READ = os.O_RDONLY | sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


@contextlib.contextmanager
def system_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a StoreError with the path (``path`` where the system named none) and its text."""
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else path
        raise StoreError(f"{where}: {(error.strerror or str(error)).lower()}") from error


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. To open a pipe would wait for its writer, and some devices have no end.

    Raises:
        NotRegular: it is a pipe, a socket or a device.
        OSError: it is a directory, or cannot be opened.
    """
    _check_regular(path, path.stat())  # some devices do something when they are opened
    fd = os.open(path, _READ)
    try:
        _check_regular(path, os.fstat(fd))
        return os.fdopen(fd, "rb")
    except BaseException:
        os.close(fd)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a file. NotRegular, OSError; StoreError if it has more than ``limit`` bytes."""
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise StoreError(f"{path}: more than the {limit} bytes allowed")
    return content


def _check_regular(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(str(path))


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
