"""Files become blobs of the server: hashed in threads, uploaded where it lacks them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from pyollama.cli.output.progress import Display
from pyollama.errors import CommandFailed

if TYPE_CHECKING:
    from pyollama.cli.client import Client

_CHUNK = 1 << 20  # bytes


def hash_files(paths: Iterable[Path]) -> dict[Path, str]:
    """``sha256:<hex>`` of each file, several files at a time.

    Raises:
        CommandFailed: a file cannot be read.
        KeyboardInterrupt: the threads have stopped.
    """
    stop = threading.Event()
    wanted = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1)) as pool:
        try:
            return dict(zip(wanted, pool.map(lambda path: _digest(path, stop), wanted), strict=True))
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def upload_missing(client: Client, digests: dict[Path, str], progress: Display) -> None:
    """Send each file the server does not have, and watch it go."""
    for path, digest in digests.items():
        if not client.has_blob(digest):
            _upload(client, path, digest, progress)


def _upload(client: Client, path: Path, digest: str, progress: Display) -> None:
    spinner = progress.spinner(f"copying file {digest}")
    size = path.stat().st_size

    def chunks() -> Iterator[bytes]:
        sent = 0
        for chunk in _chunks(path):
            yield chunk
            sent += len(chunk)
            spinner.detail = f"{100 * sent // max(size, 1)}%"

    try:
        client.upload(digest, chunks(), size)
    finally:
        spinner.stop()


def _digest(path: Path, stop: threading.Event) -> str:
    result = hashlib.sha256()
    for chunk in _chunks(path):
        if stop.is_set():
            break  # no one waits for the result any more
        result.update(chunk)
    return f"sha256:{result.hexdigest()}"


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}") from error
