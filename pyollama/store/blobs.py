"""Blobs: files named by the SHA-256 of their content, added whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pyollama.errors import BlobNotFound, DigestMismatch
from pyollama.store.digests import Digest
from pyollama.store.files import make_directories, open_regular, read_regular, rename_into_place, system_errors
from pyollama.store.guard import Guard, Pins

if sys.platform == "linux":
    import fcntl

PIECE_BYTES = 4 << 20  # what is copied between two chances to give up
TEMPORARY_PREFIX = "sha256-tmp-"  # no valid digest name, so Ollama's own pruning sees garbage
_BINARY = getattr(os, "O_BINARY", 0)
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file


class BlobStore:
    """The ``blobs`` folder of a models directory. Any thread; refusals of the file system are StoreErrors."""

    def __init__(self, folder: Path, guard: Guard) -> None:
        self._folder = folder
        self._guard = guard

    def path(self, digest: Digest) -> Path:
        """Where the blob is, or would be."""
        return self._folder / digest.filename

    def has(self, digest: Digest) -> bool:
        return self.path(digest).is_file()

    def size(self, digest: Digest) -> int:
        """Bytes of a stored blob. BlobNotFound."""
        return self._stat(digest).st_size

    def read(self, digest: Digest, *, limit: int) -> bytes:
        """The content of a small blob. BlobNotFound; StoreError beyond ``limit`` bytes or if it cannot be read."""
        with system_errors(self.path(digest)):
            try:
                return read_regular(self.path(digest), limit)
            except FileNotFoundError:
                raise BlobNotFound(str(digest)) from None

    @contextlib.contextmanager
    def pin(self, digest: Digest) -> Iterator[None]:
        """Keep a blob that no manifest names yet."""
        self._guard.pin(digest)
        try:
            yield
        finally:
            self._guard.unpin(digest)

    @contextlib.contextmanager
    def writer(self, expected: Digest | None = None, *, pins: Pins | None = None) -> Iterator[BlobWriter]:
        """A blob in the making. Without ``commit`` nothing of it stays."""
        with self._guard.adding() as own_pins, self._temporary_file() as (file, temporary):
            yield BlobWriter(self, file, temporary, expected, pins or own_pins)

    def add_bytes(self, data: bytes, *, pins: Pins | None = None) -> tuple[Digest, bool]:
        """Store ``data``; False: it was stored already."""
        digest = Digest.of(data)
        if pins is not None:
            pins.add(digest)
        if self.reuse(digest):
            return digest, False
        with self.writer(digest, pins=pins) as writer:
            writer.write(data)
            return writer.commit()

    def add_file(self, source: Path, *, pins: Pins | None = None) -> tuple[Digest, bool]:
        """Store a copy of a file. The file itself stays as it is. NotRegular, StoreError."""
        with system_errors(source), open_regular(source) as file, self.writer(pins=pins) as writer:
            for _ in writer.copy(file):
                pass
            return writer.commit()

    def reuse(self, digest: Digest) -> bool:
        """Whether the blob is stored; if so it counts as new again for every program's pruning."""
        with contextlib.suppress(OSError):  # missing, or of another user
            os.utime(self.path(digest))
        return self.has(digest)

    def remove(self, digest: Digest) -> None:
        """Remove a blob; not an error if it is gone or still open (Windows): the next prune finds it."""
        with system_errors(self.path(digest)), contextlib.suppress(FileNotFoundError):
            try:
                self.path(digest).unlink()
            except PermissionError:
                if os.name != "nt":
                    raise

    @contextlib.contextmanager
    def _temporary_file(self) -> Iterator[tuple[BinaryIO, Path]]:
        path = self._folder / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(8)}"
        with system_errors(path):
            make_directories(self._folder)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        try:
            with os.fdopen(fd, "wb", buffering=0) as file:
                yield file, path
        finally:
            path.unlink(missing_ok=True)

    def _stat(self, digest: Digest) -> os.stat_result:
        with system_errors(self.path(digest)):
            try:
                return self.path(digest).stat()
            except FileNotFoundError:
                raise BlobNotFound(str(digest)) from None


class BlobWriter:
    """Takes the bytes of one blob and hashes them on the way. Made by ``BlobStore.writer``."""

    def __init__(self, blobs: BlobStore, file: BinaryIO, temporary: Path, expected: Digest | None, pins: Pins) -> None:
        self._blobs = blobs
        self._file = file
        self._temporary = temporary
        self._expected = expected
        self._pins = pins
        self._hash = hashlib.sha256()

    def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Append ``chunk``."""
        with system_errors(self._temporary):
            view = memoryview(chunk)
            while view:
                view = view[self._file.write(view) :]
        self._hash.update(chunk)

    def copy(self, source: BinaryIO) -> Iterator[int]:
        """Make the content that of ``source``, sharing its blocks where the file system can; the bytes done so far."""
        done = 0
        if self._clone(source):
            with self._temporary.open("rb") as clone:  # hashed after the clone, so the source may change meanwhile
                while piece := clone.read(PIECE_BYTES):
                    self._hash.update(piece)
                    done += len(piece)
                    yield done
            return
        while piece := source.read(PIECE_BYTES):
            self.write(piece)
            done += len(piece)
            yield done

    def _clone(self, source: BinaryIO) -> bool:
        if sys.platform != "linux":
            return False
        try:
            fcntl.ioctl(self._file.fileno(), _FICLONE, source.fileno())
        except OSError:
            return False
        return True

    def commit(self) -> tuple[Digest, bool]:
        """Put the blob in its place, durably; False: it was there already.

        Raises:
            DigestMismatch: the content is not the expected one. Nothing is stored.
            StoreError: the file system refused. Nothing is stored.
        """
        digest = Digest(self._hash.hexdigest())
        if self._expected not in (None, digest):
            raise DigestMismatch(str(self._expected), str(digest))
        self._pins.add(digest)
        if self._blobs.reuse(digest):
            return digest, False
        with system_errors(self._temporary):
            if os.name != "nt":
                os.fchmod(self._file.fileno(), 0o644)
            os.fsync(self._file.fileno())
            if os.name == "nt":
                self._file.close()
            rename_into_place(self._temporary, self._blobs.path(digest))
        return digest, True
