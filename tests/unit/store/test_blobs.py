"""Blobs: whole under their true digest, or not there."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from support import library

from pyollama.errors import BlobNotFound, DigestMismatch, StoreError
from pyollama.store import Digest, Store

OLD = 1_000_000_000  # seconds since 1970


def test_added_bytes_are_stored_under_their_digest(store: Store, root: Path) -> None:
    digest, created = store.blobs.add_bytes(b"MIT")
    assert created
    assert digest.hex == "e5dcffe836b6ec8a58e492419b550e65fb8cbdc308503979e5dacb33ac7ea3b7"
    assert (root / "blobs" / digest.filename).read_bytes() == b"MIT"
    assert library.blobs(root) == {digest.filename}


def test_adding_again_keeps_the_blob_and_makes_it_young(store: Store) -> None:
    digest, _ = store.blobs.add_bytes(b"x")
    os.utime(store.blobs.path(digest), (OLD, OLD))
    assert store.blobs.add_bytes(b"x") == (digest, False)
    assert store.blobs.path(digest).stat().st_mtime > OLD


def test_a_writer_takes_chunks_of_any_size(store: Store) -> None:
    with store.blobs.writer() as writer:
        for chunk in (b"a" * 100_000, bytearray(b"b"), b""):
            writer.write(chunk)
        digest, created = writer.commit()
    assert (digest, created) == (Digest.of(b"a" * 100_000 + b"b"), True)
    assert store.blobs.size(digest) == 100_001


def test_a_writer_that_does_not_commit_leaves_nothing(store: Store, root: Path) -> None:
    with store.blobs.writer() as writer:
        writer.write(b"half")
    with pytest.raises(RuntimeError), store.blobs.writer() as writer:
        writer.write(b"half")
        raise RuntimeError
    assert library.blobs(root) == set()


def test_other_content_than_expected_is_refused_and_discarded(store: Store, root: Path) -> None:
    expected = Digest.of(b"right")
    with pytest.raises(DigestMismatch) as caught, store.blobs.writer(expected) as writer:
        writer.write(b"wrong")
        writer.commit()
    assert str(caught.value) == f'digest mismatch, expected "{expected}", got "{Digest.of(b"wrong")}"'
    assert library.blobs(root) == set()


def test_a_refused_upload_does_not_remove_the_same_content_stored_before(store: Store) -> None:
    digest, _ = store.blobs.add_bytes(b"wrong")
    with pytest.raises(DigestMismatch), store.blobs.writer(Digest.of(b"right")) as writer:
        writer.write(b"wrong")
        writer.commit()
    assert store.blobs.has(digest)


def test_an_error_of_the_sender_is_not_an_error_of_the_disk(store: Store) -> None:
    with pytest.raises(ConnectionResetError), store.blobs.writer():
        raise ConnectionResetError


def test_a_file_is_copied_and_stays_as_it_is(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "model.gguf"
    source.write_bytes(os.urandom(3 << 20))
    digest, created = store.blobs.add_file(source)
    assert created
    assert store.blobs.path(digest).read_bytes() == source.read_bytes()
    source.write_bytes(b"changed later")
    assert store.blobs.size(digest) == 3 << 20


def test_a_missing_file_is_reported_with_its_path(store: Store, tmp_path: Path, root: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.gguf: no such file or directory"):
        store.blobs.add_file(tmp_path / "gone.gguf")
    assert library.blobs(root) == set()


def test_upper_case_digits_lead_to_the_lower_case_blob(store: Store) -> None:
    digest, _ = store.blobs.add_bytes(b"x")
    assert store.blobs.has(Digest.parse(f"sha256:{digest.hex.upper()}"))


def test_a_missing_blob_is_named(store: Store) -> None:
    digest = Digest.of(b"nowhere")
    assert not store.blobs.has(digest)
    with pytest.raises(BlobNotFound) as caught:
        store.blobs.size(digest)
    assert str(caught.value) == f'blob "{digest}" not found'


def test_blobs_and_temporary_files_have_the_modes_of_ollama(store: Store, root: Path) -> None:
    with store.blobs.writer() as writer:
        (temporary,) = (root / "blobs").iterdir()
        assert temporary.name.startswith(f"sha256-tmp-{os.getpid()}-")
        assert temporary.stat().st_mode & 0o777 == 0o600
        digest, _ = writer.commit()
    assert store.blobs.path(digest).stat().st_mode & 0o777 == 0o644


def test_a_full_disk_gives_the_text_of_the_system_and_leaves_nothing(small_disk: Path) -> None:
    store = Store(small_disk / "models")
    with pytest.raises(StoreError, match="no space left on device"), store.blobs.writer() as writer:
        for _ in range(1024):
            writer.write(bytes(1024))
        writer.commit()
    assert library.blobs(small_disk / "models") == set()


def test_a_file_larger_than_the_disk_leaves_nothing(small_disk: Path, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(bytes(1 << 20))
    store = Store(small_disk / "models")
    with pytest.raises(StoreError, match="no space left on device"):
        store.blobs.add_file(source)
    assert library.blobs(small_disk / "models") == set()


def test_a_blob_is_synced_before_it_gets_its_name(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, set[str]]] = []
    fsync = os.fsync

    def spy(fd: int) -> None:
        seen.append((Path(f"/proc/self/fd/{fd}").readlink().name, library.blobs(root)))
        fsync(fd)

    store.blobs.add_bytes(b"first, so that the folder exists")
    monkeypatch.setattr(os, "fsync", spy)
    digest, _ = store.blobs.add_bytes(b"x")
    (file, before), (folder, after) = seen
    assert file.startswith("sha256-tmp-")
    assert digest.filename not in before
    assert (folder, digest.filename in after) == ("blobs", True)


def test_a_sync_that_fails_leaves_nothing(store: Store, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    (root / "blobs").mkdir(parents=True)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="input/output error"):
        store.blobs.add_bytes(b"x")
    assert library.blobs(root) == set()


def test_threads_that_add_the_same_content_store_it_once(store: Store, root: Path) -> None:
    barrier = threading.Barrier(8)
    results = []

    def add() -> None:
        barrier.wait()
        results.append(store.blobs.add_bytes(b"same"))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {digest for digest, _ in results} == {Digest.of(b"same")}
    assert library.blobs(root) == {Digest.of(b"same").filename}
