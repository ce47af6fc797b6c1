"""Removing what no model uses: after a change of one model, and at the start of a server."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from pyollama.errors import InvalidDigest, ModelNotFound, PyollamaError
from pyollama.store.blobs import BlobStore
from pyollama.store.digests import Digest
from pyollama.store.files import system_errors
from pyollama.store.guard import Guard
from pyollama.store.manifests import ManifestStore

GRACE_SECONDS = 3600.0  # protects programs that wrote blobs and not yet their manifest
PARTIAL_SECONDS = 7 * 24 * 3600.0  # a download that was broken off can be resumed this long

_PARTIAL = re.compile(r"(sha256-[0-9a-f]{64})-partial(-\d+)?")

_log = logging.getLogger(__name__)


def sweep(digests: Iterable[Digest], manifests: ManifestStore, blobs: BlobStore, guard: Guard) -> None:
    """Remove those of ``digests``, and of what earlier sweeps left, that no readable manifest names and no one pinned.

    Not while holding ``adding``. Sweep at the end of an operation even without ``digests``: what it pinned may have
    lost its last manifest meanwhile.
    """
    candidates = set(digests) | guard.take_left()
    if not candidates:
        return
    with guard.sweeping() as alone:
        if not alone:
            guard.leave(candidates)
            return
        candidates -= _used(manifests, strict=False)
        needed = {digest for digest in candidates if guard.pinned(digest)}
        guard.leave(needed)
        for digest in candidates - needed:
            blobs.remove(digest)


def prune(manifests: ManifestStore, blobs: BlobStore, guard: Guard, folder: Path, *, now: float | None = None) -> None:
    """Remove old files in ``folder`` that are no blob in use. Nothing, with a warning, if a manifest is unreadable."""
    now = time.time() if now is None else now
    with guard.sweeping() as alone:
        if not alone:
            return
        try:
            used = _used(manifests, strict=True)
        except PyollamaError as error:
            _log.warning("nothing is pruned: %s", error)
            return
        for path, age in _files(folder, now):
            digest = _digest_named(path.name)
            keep = (age <= GRACE_SECONDS) if digest is None else (age <= GRACE_SECONDS or digest in used)
            if not keep and not (digest and guard.pinned(digest)):
                _remove(path)
    manifests.remove_empty_folders()


def rename_old_blobs(folder: Path) -> None:
    """Give blobs of the first releases, named ``sha256:<hex>``, their name of today."""
    for path in folder.glob("sha256:*") if os.name != "nt" else ():
        with contextlib.suppress(InvalidDigest), system_errors(path):
            path.rename(folder / Digest.parse(path.name).filename)


def _used(manifests: ManifestStore, *, strict: bool) -> set[Digest]:
    used: set[Digest] = set()
    for name in manifests.names(strict=strict):
        try:
            used.update(layer.digest for layer in manifests.read(name)[0].blobs())
        except ModelNotFound:
            continue  # removed while we looked
        except PyollamaError as error:
            if strict:
                raise
            _log.warning("%s", error)
    return used


def _files(folder: Path, now: float) -> Iterator[tuple[Path, float]]:
    """Regular files and their age in seconds; parts of one download have the age of the youngest of them, less what
    partial downloads are allowed more than others."""
    ages: dict[Path, float] = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    ages[Path(entry.path)] = now - entry.stat(follow_symlinks=False).st_mtime
    downloads: dict[str, float] = {}
    for path, age in ages.items():
        if match := _PARTIAL.fullmatch(path.name):
            downloads[match[1]] = min(age, downloads.get(match[1], age))
    for path, age in ages.items():
        match = _PARTIAL.fullmatch(path.name)
        yield path, downloads[match[1]] - PARTIAL_SECONDS + GRACE_SECONDS if match else age


def _digest_named(filename: str) -> Digest | None:
    try:
        return Digest.parse(filename) if filename == filename.lower() else None
    except InvalidDigest:
        return None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("cannot prune: %s", error)
