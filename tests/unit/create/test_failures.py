"""A create that fails, is closed or is killed leaves the store as it was; two at once leave one of two results."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import library

from pyollama.create import CreateSpec, create
from pyollama.errors import (
    BadRequest,
    BlobNotFound,
    CreateError,
    InvalidDigest,
    InvalidName,
    ModelNotFound,
    NotSupported,
    PyollamaError,
)
from pyollama.store import Digest, Manifest, Model, ModelName, Store, blobs, manifests

Make = Callable[..., list[str]]
Opened = Callable[[str], Model]
Snapshot = Callable[[], dict[str, bytes]]

CREATE = """
import sys
from pathlib import Path
from pyollama.create import CreateSpec, create
from pyollama.store import Store
root, digest, system = sys.argv[1:]
store = Store(Path(root))
print("ready", flush=True)
for number, line in enumerate(sys.stdin):
    list(create(store, CreateSpec("m", files={"t.gguf": digest}, system=f"{system} {number}", licenses=["shared"])))
    print("done", flush=True)
"""


TOO_LONG = (16 << 20) + 1


def nested(levels: int) -> list[object]:
    inside: list[object] = []
    for _ in range(levels):
        inside = [inside]
    return inside


@pytest.mark.parametrize(
    ("fields", "error", "text"),
    [
        ({"name": "a b"}, InvalidName, "invalid model name"),
        ({"name": ""}, InvalidName, "invalid model name"),
        ({"files": None}, PyollamaError, "neither 'from' or 'files' was specified"),
        ({"files": None, "from_": "nix"}, ModelNotFound, "model 'nix' not found"),
        ({"files": None, "from_": "-"}, InvalidName, "invalid model name"),
        ({"template": "{{ .Prompt"}, CreateError, "template error: "),
        ({"info": {"model_family": 1}}, CreateError, 'info field "model_family" must be a string'),
        ({"info": {"context_length": "8"}}, CreateError, 'info field "context_length" must be a number'),
        ({"info": {"context_length": True}}, CreateError, 'info field "context_length" must be a number'),
        ({"info": {"embedding_length": -1}}, CreateError, "must be a non-negative integer"),
        ({"info": {"embedding_length": 1.5}}, CreateError, "must be a non-negative integer"),
        ({"info": {"capabilities": "tools"}}, CreateError, 'info field "capabilities" must be an array of strings'),
        ({"draft_quantize": "F16"}, PyollamaError, "--draft-quantize requires a DRAFT model"),
        ({"info": {"context_length": 10**400}}, CreateError, "must be a non-negative integer up to 2147483647"),
        ({"parameters": {"stop": nested(900)}}, BadRequest, "exceeded max depth"),
        ({"messages": [{"role": "user", "tool_calls": nested(900)}]}, BadRequest, "exceeded max depth"),
        ({"info": {"unknown": nested(900)}}, BadRequest, "exceeded max depth"),
        ({"system": "x" * TOO_LONG}, CreateError, f"the system has {TOO_LONG} bytes, more than the {16 << 20} allowed"),
        ({"template": "x" * TOO_LONG}, CreateError, "template error: "),
        ({"licenses": ["x" * TOO_LONG]}, CreateError, "the license has"),
        ({"messages": [{"role": "user", "content": "x" * TOO_LONG}]}, CreateError, "the messages has"),
        ({"parameters": {"stop": ["x" * (1 << 20)]}}, CreateError, "the params has"),
        ({"info": {"base_name": "x" * (1 << 20)}}, CreateError, "the config has"),
        ({"licenses": ["x"] * 40_000}, CreateError, "the model has too many layers: 40002"),
        ({"adapters": {"a": ""}}, InvalidDigest, "invalid digest format"),
        ({"quantize": "Q4_0"}, NotSupported, "quantizing F16 to Q4_0"),
        ({"parameters": {"top_p": 1e300}}, BadRequest, 'option "top_p" is 1e+300, but must be a number of 32 bits'),
        ({"parameters": {"num_ctx": "1024"}}, BadRequest, 'option "num_ctx" must be of type integer'),
        ({"parameters": {"stop": [1]}}, BadRequest, 'option "stop" must be of an array of strings'),
        ({"parameters": {"repeat_penalty": 0}}, BadRequest, 'option "repeat_penalty" is 0.0, but must be more than 0'),
        ({"parameters": {"num_ctxx": 1}}, BadRequest, "unknown parameter 'num_ctxx'"),
        ({"parameters": {"seed": 10**400}}, BadRequest, "(401 digits), but must be a number of 64 bits"),
    ],
)
def test_a_refused_create_changes_nothing(
    make: Make, weights: str, snapshot: Snapshot, fields: dict[str, Any], error: type[Exception], text: str
) -> None:
    make("m", files={"t.gguf": weights}, system="kept")
    before = snapshot()
    with pytest.raises(error) as caught:
        make(**{"name": "m", "files": {"t.gguf": weights}, "system": "new", **fields})
    assert text in str(caught.value)
    assert snapshot() == before


@pytest.mark.parametrize("path", ["/t.gguf", "../t.gguf", "a//b.gguf", "./t", "a/.", "", "a\\b", "C:/t"])
def test_file_names_must_be_relative(make: Make, weights: str, path: str) -> None:
    with pytest.raises(PyollamaError, match=r"^file path must be relative$"):
        make("m", files={path: weights})


@pytest.mark.parametrize("fields", [{"system": "x" * TOO_LONG}, {"messages": [{"content": nested(900)}]}])
def test_c11_what_cannot_be_stored_is_refused_before_any_work(
    store: Store, weights: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(PyollamaError):
        next(create(store, CreateSpec("m", files={"t.gguf": weights}, **fields)))


@pytest.mark.parametrize("params", [b'{"temperature":1e400}', b'{"temperature":NaN}'])
def test_parameters_of_a_base_that_are_no_numbers_are_told(make: Make, root: Path, params: bytes) -> None:
    library.put_model(root, "base", [("model", library.tiny_gguf()), ("params", params)])
    with pytest.raises(CreateError, match="the parameters of the base model cannot be stored: JSON has no infinities"):
        make("m", from_="base", parameters={"seed": 1})


def test_errors_of_the_request_come_before_the_first_status(store: Store, weights: str) -> None:
    for fields in ({"template": "{{"}, {"from_": "nix"}, {"files": {}}, {"info": {"base_name": 1}}):
        with pytest.raises(PyollamaError):
            next(create(store, CreateSpec("m", **{"files": {"t.gguf": weights}, **fields})))


def test_a_base_that_misses_a_blob_is_no_base(make: Make, weights: str, root: Path, snapshot: Snapshot) -> None:
    make("base", files={"t.gguf": weights}, system="gone")
    (root / "blobs" / Digest.of(b"gone").filename).unlink()
    before = snapshot()
    with pytest.raises(BlobNotFound):
        make("m", from_="base")
    assert snapshot() == before


def test_a_stub_of_an_online_model_is_no_base(make: Make, root: Path) -> None:
    library.put_model(root, "big", tag="cloud", config={"remote_host": "h"})
    with pytest.raises(CreateError, match=r"^bad remote$"):
        make("m", from_="big:cloud")


def test_a_create_that_is_closed_at_any_step_takes_back_what_it_wrote(
    store: Store, weights: str, snapshot: Snapshot
) -> None:
    spec = CreateSpec("m", files={"t.gguf": weights}, system="s", licenses=["a", "b"], parameters={"seed": 1})
    before = snapshot()
    for steps in range(1, 9):
        creation = create(store, spec)
        assert [next(creation) for _ in range(steps)][-1].status != "success"
        creation.close()
        assert snapshot() == before


def test_a_copy_that_is_closed_between_any_two_pieces_leaves_nothing(
    store: Store, snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "t.gguf"
    source.write_bytes(library.tiny_gguf())
    monkeypatch.setattr(blobs, "PIECE_BYTES", 500)
    before = snapshot()
    for steps in range(1, 6):
        creation = create(store, CreateSpec("m", local_files=[source]))
        taken = [next(creation) for _ in range(steps)]
        assert [(line.status, line.completed) for line in taken] == [
            ("validating GGUF model", min(500 * number, 2384)) for number in range(1, steps + 1)
        ]
        creation.close()
        assert snapshot() == before


def test_a_manifest_that_cannot_be_written_takes_the_layers_back(
    make: Make, weights: str, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("m", files={"t.gguf": weights}, system="old")
    before = snapshot()

    def fail(final: Path, data: bytes, *, temporary_in: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifests, "write_atomically", fail)
    with pytest.raises(PyollamaError, match="no space left on device"):
        make("m", files={"t.gguf": weights}, system="new")
    assert snapshot() == before


def test_a_failed_create_keeps_blobs_that_were_there_or_that_others_use(
    make: Make, store: Store, weights: str, root: Path
) -> None:
    store.blobs.add_bytes(b"uploaded")
    creation = create(store, CreateSpec("a", files={"t.gguf": weights}, system="shared", licenses=["uploaded"]))
    while next(creation).status != "writing manifest":
        pass
    make("b", files={"t.gguf": weights}, system="shared")
    creation.close()
    assert store.open_model(ModelName.parse("b")).system == "shared"
    assert Digest.of(b"uploaded").filename in library.blobs(root)


def test_deleting_the_base_during_a_create_does_not_hurt_it(
    make: Make, opened: Opened, store: Store, weights: str
) -> None:
    make("base", files={"t.gguf": weights}, system="base", licenses=["MIT"])
    creation = create(store, CreateSpec("m", from_="base", parameters={"seed": 1}))
    next(creation)
    store.delete(ModelName.parse("base"))
    assert [line.status for line in creation][-1] == "success"
    assert opened("m").system == "base"
    assert all(store.blobs.has(layer.digest) for layer in opened("m").manifest.blobs())


def test_killed_between_blobs_and_manifest_the_old_model_stays_and_pruning_cleans(
    make: Make, opened: Opened, store: Store, weights: str, root: Path
) -> None:
    make("m", files={"t.gguf": weights}, system="old")
    before = library.blobs(root)
    code = """
import os, sys
from pathlib import Path
from pyollama.create import CreateSpec, create
from pyollama.store import Store
for line in create(Store(Path(sys.argv[1])), CreateSpec("m", files={"t.gguf": sys.argv[2]}, system="new")):
    if line.status == "writing manifest":
        os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code, str(root), weights]).returncode == 9
    assert opened("m").system == "old"
    assert library.blobs(root) > before
    for path in (root / "blobs").iterdir():
        os.utime(path, (1, 1))
    store.prune()
    assert library.blobs(root) == before


def whole(store: Store, manifest: Manifest) -> bool:
    return all(store.blobs.has(layer.digest) for layer in manifest.blobs())


def test_two_processes_that_create_one_name_leave_one_of_the_results(
    store: Store, opened: Opened, weights: str, root: Path
) -> None:
    rounds = 20
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, str(root), weights, f"from {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for number in range(rounds):
        for process in processes:
            assert process.stdin
            print("go", file=process.stdin, flush=True)
        for process in processes:
            assert process.stdout and process.stdout.readline() == "done\n"
        model = opened("m")
        assert model.system in {f"from 0 {number}", f"from 1 {number}"}
        assert whole(store, model.manifest)
    for process in processes:
        process.communicate()
    used = {layer.digest.filename for layer in opened("m").manifest.blobs()}
    assert library.blobs(root) == used


def test_threads_that_create_copy_and_delete_leave_only_whole_models(store: Store, weights: str, root: Path) -> None:
    errors: list[BaseException] = []
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait()
        for turn in range(10):
            try:
                spec = CreateSpec("m", files={"t.gguf": weights}, system=f"{turn}", licenses=[f"{number}"])
                list(create(store, spec))
                store.copy(ModelName.parse("m"), ModelName.parse(f"copy{number}"))
                store.delete(ModelName.parse(f"copy{number}"))
            except BaseException as error:  # told to the main thread
                errors.append(error)

    with store.blobs.pin(Digest.parse(weights)):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    (model,) = store.list_models()
    assert whole(store, model.manifest)
    assert library.blobs(root) == {layer.digest.filename for layer in model.manifest.blobs()}
