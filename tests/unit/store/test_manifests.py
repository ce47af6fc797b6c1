"""Manifests: read tolerantly, kept byte for byte, written whole."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from support import library

from pyollama.errors import BrokenManifest, ModelNotFound
from pyollama.store import Digest, Layer, Manifest, ModelName, Store
from pyollama.store.manifests import CONFIG_TYPE, LAYER_PREFIX

A, B = Digest.of(b"a"), Digest.of(b"b")


def test_a_new_manifest_has_the_bytes_of_ollama() -> None:
    layers = [Layer(LAYER_PREFIX + "model", A, 5, from_="base:latest"), Layer(LAYER_PREFIX + "system", B, 3)]
    manifest = Manifest.build(Layer(CONFIG_TYPE, B, 149), layers)
    expected = (
        '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",'
        f'"config":{{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{B}","size":149}},'
        f'"layers":[{{"mediaType":"application/vnd.ollama.image.model","digest":"{A}","size":5,"from":"base:latest"}},'
        f'{{"mediaType":"application/vnd.ollama.image.system","digest":"{B}","size":3}}]}}\n'
    )
    assert manifest.raw.decode() == expected
    assert manifest.digest == hashlib.sha256(expected.encode()).hexdigest()
    assert manifest.size == 157
    assert Manifest.parse(manifest.raw) == manifest


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"layers": None, "config": None},
        {"config": {"digest": "", "size": 0}, "layers": []},
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [], "annotations": {"x": [1]}},
        {"layers": [{"mediaType": "application/x-unknown", "digest": str(A), "size": 1}] * 2},
        {"layers": [{"mediaType": LAYER_PREFIX + "tensor", "digest": str(A), "size": 1, "name": "w", "extra": {}}]},
    ],
)
def test_odd_manifests_are_read_and_kept(tree: dict[str, object]) -> None:
    raw = json.dumps(tree, indent=3).encode()
    assert Manifest.parse(raw).raw == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"layers":[{"digest":"sha256:x","size":1}]}',
        b'{"layers":[{"size":1}]}',
        *(f'{{"layers":[{{"digest":"{A}","size":{size}}}]}}'.encode() for size in (-1, 2**60, '"1"')),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_path(raw: bytes) -> None:
    with pytest.raises(BrokenManifest, match=r"^manifest /m is unreadable: "):
        Manifest.parse(raw, "/m")


def test_a_manifest_of_more_than_4_mib_is_not_read(store: Store, root: Path) -> None:
    library.put_manifest(root, b'{"layers":[]}' + b" " * (4 << 20), "big")
    with pytest.raises(BrokenManifest, match="larger than 4194304 bytes"):
        store.open_model(ModelName.parse("big"))


def test_names_are_found_at_four_levels_only(store: Store, root: Path) -> None:
    library.put_model(root, "m")
    library.put_model(root, "m", place=("hub.example:443", "Org"), tag="Q4")
    manifests = root / "manifests"
    (manifests / ".tmp-0123").write_bytes(b"{}")
    (manifests / "registry.ollama.ai" / "library" / "stray").write_bytes(b"{}")
    (manifests / "registry.ollama.ai" / "library" / "m" / "deep").mkdir()
    (manifests / "registry.ollama.ai" / "library" / "m" / "deep" / "er").write_bytes(b"{}")
    library.put_manifest(root, b"{}", "m", tag="no name")
    assert [str(name) for name in store.manifests.names()] == ["hub.example:443/Org/m:Q4", "m:latest"]


def test_a_link_to_a_manifest_is_a_name_too(store: Store, root: Path) -> None:
    path = library.put_model(root, "m")
    path.with_name("link").symlink_to(path)
    assert [str(name) for name in store.manifests.names()] == ["m:latest", "m:link"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("MISTRAL", "Mistral:latest"),
        ("mistral:LATEST", "Mistral:latest"),
        ("mistral:7b", "Mistral:7b"),
        ("mistral:7B-New", "Mistral:7B-New"),
        ("Registry.Ollama.ai/Library/mistral", "Mistral:latest"),
        ("ME/mine", "Me/mine:latest"),
        ("me/mistral", "Me/mistral:latest"),  # never the spelling of another namespace
        ("you/mistral", "you/mistral:latest"),
    ],
)
def test_names_that_differ_in_case_mean_what_is_stored(store: Store, root: Path, given: str, found: str) -> None:
    library.put_model(root, "Mistral")
    library.put_model(root, "Mistral", tag="7b")
    library.put_model(root, "other", place=(library.DEFAULT[0], "Me"))
    assert store.resolve(ModelName.parse(given)).shortest() == found


@pytest.mark.skipif(os.name == "nt", reason="one spelling is all such a file system has")
def test_of_two_spellings_the_one_with_the_model_wins(store: Store, root: Path) -> None:
    library.put_model(root, "Foo", tag="a")
    library.put_model(root, "foo", tag="b")
    assert [str(store.resolve(ModelName.parse(name))) for name in ("foo:a", "Foo:b", "foo:c", "Foo:c")] == [
        "Foo:a",
        "foo:b",
        "foo:c",
        "Foo:c",
    ]


def test_a_model_that_is_not_there_is_named_as_it_was_given(store: Store) -> None:
    with pytest.raises(ModelNotFound, match=r"^model 'Nix' not found$"):
        store.open_model(ModelName.parse("Nix"), "Nix")
    with pytest.raises(ModelNotFound, match=r"^model 'Nix:latest' not found$"):
        store.open_model(ModelName.parse("Nix"))


def test_a_folder_in_place_of_a_manifest_is_no_model(store: Store, root: Path) -> None:
    root.joinpath("manifests", *library.DEFAULT, "m", "latest").mkdir(parents=True)
    with pytest.raises(ModelNotFound):
        store.open_model(ModelName.parse("m"))
