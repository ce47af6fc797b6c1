"""What a server's start removes, and what it must not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from support import library

from pyollama.store import Digest, ModelName, Store

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600


def put(root: Path, name: str, *, age: float, data: bytes = b"x") -> str:
    path = root / "blobs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (time.time() - age, time.time() - age))
    return name


def test_only_old_blobs_that_nothing_uses_are_removed(store: Store, root: Path) -> None:
    library.put_model(root, "a", [("system", b"used")])
    for path in (root / "blobs").iterdir():
        os.utime(path, (1, 1))
    used = library.blobs(root)
    put(root, Digest.of(b"old").filename, age=61 * MINUTE)
    young = put(root, Digest.of(b"young").filename, age=59 * MINUTE)
    put(root, "sha256-tmp-1-abc", age=61 * MINUTE)
    put(root, "sha256-123456789", age=61 * MINUTE)
    temporary = put(root, "sha256-tmp-2-abc", age=59 * MINUTE)
    store.prune()
    assert library.blobs(root) == used | {young, temporary}


@pytest.mark.parametrize(("name", "raw"), [("broken", b"{"), ("-no-name", b"{}")])
def test_a_broken_manifest_stops_all_pruning(store: Store, root: Path, name: str, raw: bytes) -> None:
    library.put_manifest(root, raw, name)
    old = put(root, Digest.of(b"old").filename, age=2 * HOUR)
    store.prune()
    assert library.blobs(root) == {old}


def test_noprune_keeps_everything_but_renames(root: Path) -> None:
    old = put(root, Digest.of(b"old").filename, age=2 * HOUR)
    put(root, f"sha256:{Digest.of(b'2023').hex}", age=2 * HOUR)
    Store(root, noprune=True).prune()
    assert library.blobs(root) == {old, Digest.of(b"2023").filename}


def test_blobs_of_the_first_releases_are_renamed(store: Store, root: Path) -> None:
    library.put_model(root, "a", [("system", b"text")])
    path = root / "blobs" / Digest.of(b"text").filename
    path.rename(path.with_name(path.name.replace("-", ":")))
    put(root, "sha256:not-a-digest", age=0)
    store.prune()
    assert store.open_model(ModelName.parse("a")).system == "text"
    assert "sha256:not-a-digest" in library.blobs(root)


def test_a_broken_off_download_can_be_resumed_for_a_week(store: Store, root: Path) -> None:
    week_old, newer = Digest.of(b"1").filename, Digest.of(b"2").filename
    put(root, f"{week_old}-partial", age=8 * DAY)
    put(root, f"{week_old}-partial-0", age=8 * DAY)
    kept = {
        put(root, f"{newer}-partial", age=6 * DAY),
        put(root, f"{newer}-partial-0", age=9 * DAY),  # done long ago, the rest was not
        put(root, f"{newer}-partial-12", age=6 * DAY),
    }
    store.prune()
    assert library.blobs(root) == kept


def test_folders_among_the_blobs_are_left_alone(store: Store, root: Path) -> None:
    folder = root / "blobs" / "split-gguf-123"
    folder.mkdir(parents=True)
    os.utime(folder, (1, 1))
    store.prune()
    assert folder.is_dir()


def test_empty_folders_of_manifests_are_removed(store: Store, root: Path) -> None:
    library.put_model(root, "kept")
    root.joinpath("manifests", "h", "n", "m").mkdir(parents=True)
    store.prune()
    assert [path.name for path in (root / "manifests").iterdir()] == ["registry.ollama.ai"]


def test_a_pinned_blob_is_kept(store: Store, root: Path) -> None:
    pinned = Digest.of(b"pinned")
    put(root, pinned.filename, age=2 * HOUR)
    with store.blobs.pin(pinned):
        store.prune()
        assert library.blobs(root) == {pinned.filename}
    store.prune()
    assert library.blobs(root) == set()


def test_a_blob_that_was_used_again_is_young(store: Store, root: Path) -> None:
    digest, _ = store.blobs.add_bytes(b"again")
    os.utime(store.blobs.path(digest), (1, 1))
    store.blobs.add_bytes(b"again")
    store.prune()
    assert store.blobs.has(digest)


@pytest.mark.parametrize("vanishing", ["file", "folder"])
def test_what_vanishes_meanwhile_is_no_error(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, vanishing: str
) -> None:
    put(root, "sha256-tmp-1-a", age=2 * HOUR)
    unlink = Path.unlink

    def vanish(path: Path, missing_ok: bool = False) -> None:
        unlink(path)
        if vanishing == "folder":
            path.parent.rmdir()
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", vanish)
    store.prune()
    assert library.blobs(root) == set()
