"""Who may remove blobs, and when: one guard per models directory and process, advisory locks between processes.

Three facts keep a blob: a manifest names it, this process pinned it, or another process is adding blobs. The file
``.pyollama.lock`` carries two record locks: byte 0 is shared by processes that add blobs and exclusive for one
that sweeps, byte 1 is exclusive for one that commits or removes a manifest. Ollama knows neither.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pyollama.store.digests import Digest
from pyollama.store.files import make_directories, system_errors

if sys.platform != "win32":
    import fcntl

LOCK_FILE = ".pyollama.lock"
SWEEP_WAIT_SECONDS = 2.0
_POLL_SECONDS = 0.01
_ADDING, _COMMITTING = 0, 1  # bytes of the lock file

_log = logging.getLogger(__name__)


class Pins:
    """The blobs one operation needs until it ends."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._digests: list[Digest] = []

    def add(self, digest: Digest) -> None:
        """Keep a blob, used or not. Waits for a sweep that is going on, so look for the blob afterwards."""
        self._guard.pin(digest)
        self._digests.append(digest)

    def release(self) -> None:
        while self._digests:
            self._guard.unpin(self._digests.pop())


class Guard:
    """Pins and locks of one models directory, for any thread. Sweep and commit one after the other, and sweep only
    outside ``adding``: two processes that both add would wait for each other."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pins: Counter[Digest] = Counter()
        self._left: set[Digest] = set()
        self._file = _LockFile(root / LOCK_FILE)
        self._mutex = threading.RLock()  # held for microseconds, or for one sweep
        self._commit_mutex = threading.Lock()
        self._adders = 0

    @staticmethod
    def of(root: Path) -> Guard:
        """The one guard that this process has for ``root``."""
        key = os.path.realpath(root)
        with _guards_mutex:
            guard = _guards.get(key) or Guard(Path(key))
            _guards[key] = guard
            return guard

    @contextlib.contextmanager
    def adding(self) -> Iterator[Pins]:
        """While open, no other process removes unused blobs, and this one none that was added to the pins."""
        with system_errors(self._root):
            make_directories(self._root)
        while not self._start_adding():
            time.sleep(_POLL_SECONDS)  # another process sweeps: milliseconds
        pins = Pins(self)
        try:
            yield pins
        finally:
            with self._mutex:
                pins.release()
                self._adders -= 1
                if self._adders == 0:
                    self._file.unlock(_ADDING)
                self._file.close()

    @contextlib.contextmanager
    def committing(self) -> Iterator[None]:
        """While open, no one else writes or removes a manifest. Keep it short."""
        with system_errors(self._root):
            make_directories(self._root)
        with self._commit_mutex, self._file:
            while not self._file.lock(_COMMITTING, exclusive=True):
                time.sleep(_POLL_SECONDS)
            try:
                yield
            finally:
                self._file.unlock(_COMMITTING)

    @contextlib.contextmanager
    def sweeping(self) -> Iterator[bool]:
        """While open, no one adds or pins blobs. False after some seconds of others adding: sweep nothing then."""
        deadline = time.monotonic() + SWEEP_WAIT_SECONDS
        while True:
            with self._mutex, self._file:
                if self._file.lock(_ADDING, exclusive=True):
                    try:
                        yield True
                    finally:
                        self._back_to_adding()
                    return
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        _log.warning("another process is adding blobs to %s: unused ones stay for now", self._root)
        yield False

    def pin(self, digest: Digest) -> None:
        with self._mutex:
            self._pins[digest] += 1

    def unpin(self, digest: Digest) -> None:
        with self._mutex:
            self._pins[digest] -= 1
            if self._pins[digest] <= 0:
                del self._pins[digest]

    def pinned(self, digest: Digest) -> bool:
        return digest in self._pins

    def leave(self, digests: Iterable[Digest]) -> None:
        """Remember blobs that a sweep left only because an operation may need them: the next sweep looks again."""
        with self._mutex:
            self._left.update(digests)

    def take_left(self) -> set[Digest]:
        """What earlier sweeps left, once."""
        with self._mutex:
            left, self._left = self._left, set()
            return left

    def _start_adding(self) -> bool:
        with self._mutex:
            self._file.open()
            if self._adders == 0 and not self._file.lock(_ADDING, exclusive=False):
                self._file.close()
                return False
            self._adders += 1
            return True

    def _back_to_adding(self) -> None:
        if self._adders:
            self._file.lock(_ADDING, exclusive=False)  # one step from exclusive to shared, so it cannot fail
        else:
            self._file.unlock(_ADDING)


class _LockFile:
    """One descriptor for the whole process: POSIX drops all its locks on a file when any descriptor of it closes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._users = 0
        self._fd = -1

    def open(self) -> None:
        with self._mutex:
            if self._users == 0 and sys.platform != "win32":
                with system_errors(self._path):
                    self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._users += 1

    def close(self) -> None:
        with self._mutex:
            self._users -= 1
            if self._users == 0 and self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def __enter__(self) -> None:
        self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def lock(self, byte: int, *, exclusive: bool) -> bool:
        """Take or convert one record lock, without waiting. A file system without locks counts as one process."""
        if sys.platform == "win32":
            return True
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.lockf(self._fd, kind | fcntl.LOCK_NB, 1, byte)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                raise
            _log.warning("%s cannot be locked: %s", self._path, error)
        return True

    def unlock(self, byte: int) -> None:
        if sys.platform != "win32":
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, byte)


_guards: weakref.WeakValueDictionary[str, Guard] = weakref.WeakValueDictionary()
_guards_mutex = threading.Lock()
