"""The store: listing, copying and deleting models in a folder that Ollama left."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
from pathlib import Path

import pytest
from support import library

from pyollama.errors import BrokenManifest, CopySourceNotFound, ModelNotFound, StoreError
from pyollama.store import Digest, ModelName, Store


def named(text: str) -> ModelName:
    return ModelName.parse(text)


def test_a_library_of_ollama_lists_as_it_does_there(store: Store, root: Path) -> None:
    paths = [
        library.put_model(root, "empty", [("model", b""), ("license", b""), ("params", b"")], config={}),
        library.put_model(root, "tiny", [("model", library.tiny_gguf())], tag="q4"),
        library.put_model(root, "mine", place=("hub.example", "Org")),
    ]
    for age, path in enumerate(paths):
        os.utime(path, ns=(10**18 + age * 10**9 + 5, 10**18 + age * 10**9 + 5))
    listed = store.list_models()
    assert [str(model.name) for model in listed] == ["hub.example/Org/mine:latest", "tiny:q4", "empty:latest"]
    assert [model.digest for model in listed] == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in reversed(paths)
    ]
    assert [model.modified_ns for model in listed] == [10**18 + age * 10**9 + 5 for age in (2, 1, 0)]
    assert listed[2].size == len(b"{}")
    assert listed[1].modified_at.isoformat() == "2001-09-09T01:46:41+00:00"


def test_models_of_one_second_stay_in_the_order_of_their_names(store: Store, root: Path) -> None:
    for nanoseconds, name in ((900, "a"), (1, "b"), (500, "c")):
        os.utime(library.put_model(root, name), ns=(0, 10**18 + nanoseconds))
    assert [model.name.model for model in store.list_models()] == ["a", "b", "c"]


def test_a_folder_that_does_not_exist_has_no_models(store: Store) -> None:
    assert store.list_models() == []
    store.prune()


def test_unreadable_manifests_are_skipped_with_a_warning(
    store: Store, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    library.put_model(root, "good")
    library.put_manifest(root, b"{", "bad")
    library.put_manifest(root, b"{}", "-worse")
    with caplog.at_level(logging.WARNING):
        assert [model.name.model for model in store.list_models()] == ["good"]
    assert "bad/latest is unreadable" in caplog.text
    assert "-worse" in caplog.text


def test_a_broken_manifest_is_an_error_when_asked_for_by_name(store: Store, root: Path) -> None:
    library.put_manifest(root, b"{", "bad")
    with pytest.raises(BrokenManifest):
        store.open_model(named("bad"))


def test_a_copy_has_the_same_bytes_and_unknown_keys_survive(store: Store, root: Path) -> None:
    raw = b'{ "layers": [ ] , "annotations": {"kept": true} }\r\n'
    library.put_manifest(root, raw, "a")
    store.copy(named("a"), named("h:1/n/b:t"))
    assert (root / "manifests" / "h:1" / "n" / "b" / "t").read_bytes() == raw
    assert store.open_model(named("h:1/n/b:t")).digest == store.open_model(named("a")).digest


def test_a_copy_replaces_its_destination_in_whatever_case(store: Store, root: Path) -> None:
    library.put_model(root, "a", [("system", b"one")])
    library.put_model(root, "B", [("system", b"two")])
    store.copy(named("A"), named("b"))
    assert [str(model.name) for model in sorted(store.list_models(), key=lambda m: m.name.model)] == [
        "B:latest",
        "a:latest",
    ]
    assert store.open_model(named("b")).system == "one"


def test_a_copy_onto_itself_changes_nothing(store: Store, root: Path) -> None:
    path = library.put_model(root, "a")
    os.utime(path, (1, 1))
    store.copy(named("a"), named("A:latest"))
    assert path.stat().st_mtime == 1


@pytest.mark.parametrize("destination", ["b", "nix"])
def test_a_copy_of_nothing_is_refused(store: Store, destination: str) -> None:
    with pytest.raises(CopySourceNotFound, match=r'^model "Nix" not found$'):
        store.copy(named("nix"), named(destination), "Nix")


def test_deleting_keeps_blobs_that_others_use(store: Store, root: Path) -> None:
    weights = library.tiny_gguf()
    library.put_model(root, "a", [("model", weights), ("system", b"a")])
    library.put_model(root, "b", [("model", weights), ("system", b"b")])
    before = library.blobs(root)
    store.delete(named("a"))
    assert library.blobs(root) == before - {Digest.of(b"a").filename}
    store.delete(named("b"))
    assert library.blobs(root) == set()


def test_deleting_removes_the_folders_it_leaves_empty(store: Store, root: Path) -> None:
    library.put_model(root, "a", place=("h", "n"))
    library.put_model(root, "b")
    store.delete(named("h/n/a"))
    assert [path.name for path in (root / "manifests").iterdir()] == ["registry.ollama.ai"]


def test_deleting_copes_with_missing_blobs_and_broken_neighbours(store: Store, root: Path) -> None:
    library.put_model(root, "a", [("system", b"a")])
    library.put_manifest(root, b"{", "broken")
    (root / "blobs" / Digest.of(b"a").filename).unlink()
    store.delete(named("A"))
    store.delete(named("broken"))
    assert store.list_models() == []


def test_deleting_nothing_is_refused_with_the_name_as_given(store: Store, root: Path) -> None:
    library.put_model(root, "a", tag="x")
    with pytest.raises(ModelNotFound, match=r"^model 'A' not found$"):
        store.delete(named("a"), "A")
    assert len(store.list_models()) == 1


def test_stubs_of_online_models_are_listed_and_deleted(store: Store, root: Path) -> None:
    library.put_model(root, "big", tag="480b-cloud", config={"remote_host": "https://x", "remote_model": "big"})
    (stub,) = store.list_models()
    assert stub.is_remote
    assert stub.capabilities() == set()
    store.delete(named("big:480b-cloud"))
    assert store.list_models() == []


def test_a_folder_that_may_only_be_read_is_listed_and_not_changed(small_disk: Path) -> None:
    store = Store(small_disk / "models")
    library.put_model(store.root, "a", [("system", b"a")])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert store.open_model(named("a")).system == "a"
    for change in (lambda: store.delete(named("a")), lambda: store.copy(named("a"), named("b"))):
        with pytest.raises(StoreError, match="read-only file system"):
            change()
    store.prune()
    assert len(store.list_models()) == 1


def test_a_full_disk_keeps_the_old_manifest(small_disk: Path) -> None:
    root = small_disk / "models"
    store = Store(root)
    library.put_model(root, "a", [("system", b"a")])
    raw = b'{"layers":[]}' + b" " * 200_000
    library.put_manifest(root, raw, "large")
    with pytest.raises(StoreError, match="no space left on device"):
        store.copy(named("large"), named("a"))
    assert store.open_model(named("a")).system == "a"
    assert not list((root / "manifests").glob(".tmp-*"))
