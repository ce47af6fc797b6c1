"""Checks of the model store, read directly from disk, and the repairs that cannot lose anything."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from pyollama.cli.checkup import Verdict
from pyollama.cli.output.formats import human_bytes
from pyollama.errors import PyollamaError
from pyollama.store import Store
from pyollama.store.digests import Digest

_LOW_SPACE = 5 * 10**9  # bytes; about one small model
_STALE_PARTIAL = 7 * 24 * 3600.0  # seconds; an interrupted download can be resumed until then
_STALE_TEMPORARY = 3600.0
_CHUNK = 1 << 20


def store(folder: Path) -> Verdict:
    """The folder exists or can be made, is writable, and has room."""
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Verdict("store", "fail", f"{existing} is not writable", "Change its owner, or set OLLAMA_MODELS.")
    free = shutil.disk_usage(existing).free
    text = f"{folder}{'' if folder.exists() else ' (not made yet)'}, {human_bytes(free)} free"
    if free < _LOW_SPACE:
        return Verdict("store", "warn", text, "Remove models with pyollama rm, or set OLLAMA_MODELS to another disk.")
    return Verdict("store", "ok", text)


def blobs(folder: Path, *, deep: bool) -> Verdict:
    """Every manifest reads, every blob it names is there (deep: and has its digest); what no one needs."""
    if not folder.exists():
        return Verdict("blobs", "skip", "no store yet")
    used, wrong = _used(Store(folder), deep=deep)
    files = {path.name: path.stat().st_size for path in _files(folder)}
    partial = [name for name in files if _unfinished(name)]
    orphans = [name for name in files if name not in used and not _unfinished(name)]
    text = f"{len(used)} in use"
    if orphans:
        text += f"; {len(orphans)} orphans ({human_bytes(sum(files[name] for name in orphans))})"
    if partial:
        text += f"; {len(partial)} partial ({human_bytes(sum(files[name] for name in partial))})"
    if wrong:
        advice = "Create or pull the models again that use them."
        return Verdict("blobs", "fail", f"{text}; {'; '.join(wrong)}", advice)
    if any(
        time.time() - path.stat().st_mtime > _age_limit(path.name) for path in _files(folder) if path.name in partial
    ):
        return Verdict("blobs", "warn", text, "pyollama doctor --fix removes stale partial files.")
    return Verdict("blobs", "ok", text)


def repair(folder: Path, own_files: list[Path]) -> list[str]:
    """Remove stale partial files and close own files to others. One sentence for each thing done."""
    done = []
    for path in list(_files(folder)):
        if _unfinished(path.name) and time.time() - path.stat().st_mtime > _age_limit(path.name):
            path.unlink(missing_ok=True)
            done.append(f"removed {path}")
    for path in own_files:
        if path.exists() and path.stat().st_mode & 0o077:
            path.chmod(0o600)
            done.append(f"made {path} private")
    return done


def _used(found: Store, *, deep: bool) -> tuple[set[str], list[str]]:
    """File names of the blobs in use, and what is wrong with them."""
    used: set[str] = set()
    wrong = []
    for name in found.manifests.names():
        try:
            layers = list(found.manifests.read(name)[0].blobs())
        except PyollamaError as error:
            wrong.append(str(error))
            continue
        for digest in {layer.digest for layer in layers}:
            if digest.filename not in used:
                wrong += _problems(found, digest, str(name), deep=deep)
            used.add(digest.filename)
    return used, wrong


def _problems(found: Store, digest: Digest, model: str, *, deep: bool) -> Iterator[str]:
    import hashlib

    if not found.blobs.has(digest):
        yield f"{model} lacks {digest}"
    elif deep:
        actual = hashlib.sha256()
        with found.blobs.path(digest).open("rb") as file:
            while chunk := file.read(_CHUNK):
                actual.update(chunk)
        if actual.hexdigest() not in digest.filename:
            yield f"{digest} of {model} is damaged"


def _files(folder: Path) -> Iterator[Path]:
    blobs_folder = folder / "blobs"
    return (path for path in blobs_folder.iterdir() if path.is_file()) if blobs_folder.is_dir() else iter(())


def _unfinished(name: str) -> bool:
    return "-partial" in name or "-tmp-" in name


def _age_limit(name: str) -> float:
    return _STALE_PARTIAL if "-partial" in name else _STALE_TEMPORARY
