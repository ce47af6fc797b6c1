"""Pins and locks: no blob disappears under a running operation, in this process or another."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import library

from pyollama.errors import StoreError
from pyollama.store import Digest, ModelName, Store, guard
from pyollama.store.guard import Guard

ADDING = """
import sys
from pathlib import Path
from pyollama.store import Store
with Store(Path(sys.argv[1])).guard.adding():
    print("adding", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_adding(root: Path) -> Iterator[None]:
    """A second process that is in the middle of adding blobs."""
    command = [sys.executable, "-c", ADDING, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"adding\n"
        yield
        process.communicate(timeout=30)


def test_one_folder_has_one_guard_however_it_is_spelled(root: Path) -> None:
    root.mkdir()
    link = root.with_name("link")
    link.symlink_to(root)
    assert Store(root).guard is Store(link).guard is Guard.of(root / "blobs" / "..")


def test_a_delete_leaves_what_a_running_operation_needs(store: Store, root: Path) -> None:
    library.put_model(root, "a", [("system", b"needed"), ("license", b"not needed")])
    with store.guard.adding() as pins:
        pins.add(Digest.of(b"needed"))
        store.delete(ModelName.parse("a"))
    assert library.blobs(root) == {Digest.of(b"needed").filename}


def test_pins_end_with_their_operation(store: Store, root: Path) -> None:
    digest = Digest.of(b"x")
    with pytest.raises(RuntimeError), store.guard.adding() as pins:
        pins.add(digest)
        pins.add(digest)
        raise RuntimeError
    assert not store.guard.pinned(digest)


def test_what_a_sweep_left_goes_with_the_next_one(store: Store, root: Path) -> None:
    library.put_model(root, "a", [("system", b"needed")])
    with store.guard.adding() as pins:
        pins.add(Digest.of(b"needed"))
        store.delete(ModelName.parse("a"))
    store.sweep(set())
    assert library.blobs(root) == set()


def test_a_delete_does_not_sweep_while_another_process_adds(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "SWEEP_WAIT_SECONDS", 0.1)
    library.put_model(root, "a", [("system", b"shared soon")])
    before = library.blobs(root)
    with another_process_adding(root), store.guard.adding():
        store.delete(ModelName.parse("a"))
    assert store.list_models() == []
    assert library.blobs(root) == before


def test_a_delete_sweeps_as_soon_as_another_process_is_done(store: Store, root: Path) -> None:
    library.put_model(root, "a", [("system", b"a")])
    with another_process_adding(root):
        pass
    store.delete(ModelName.parse("a"))
    assert library.blobs(root) == set()


def test_adding_goes_on_after_a_sweep(store: Store, root: Path) -> None:
    root.mkdir()
    added = threading.Event()

    def add() -> None:
        with store.guard.adding():
            added.set()

    with store.guard.sweeping() as alone:
        thread = threading.Thread(target=add)
        thread.start()
        assert alone
        assert not added.is_set()
    thread.join(10)
    assert added.is_set()


def test_a_folder_that_cannot_be_made_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file: file exists"):
        Store(tmp_path / "file" / "models").blobs.add_bytes(b"x")


def test_a_guard_keeps_no_file_open(store: Store) -> None:
    store.blobs.add_bytes(b"x")
    with store.guard.committing():
        pass
    assert store.guard._file._fd == -1
