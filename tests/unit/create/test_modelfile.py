"""The text of a Modelfile as a request."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import library

from pyollama.create import CreateSpec, create, spec_from_modelfile
from pyollama.errors import BadRequest, CreateError, InvalidDigest, ModelfileError, NotSupported, PyollamaError
from pyollama.store import Digest, Model, ModelName, Store

Read = Callable[[str], CreateSpec]
Run = Callable[[str], list[str]]
Opened = Callable[[str], Model]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the Modelfile lies, with a model beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(library.tiny_gguf())
    return folder


@pytest.fixture
def read(store: Store, folder: Path) -> Read:
    return lambda text: spec_from_modelfile(text, base_dir=folder, store=store, name="m")


@pytest.fixture
def run(store: Store, read: Read) -> Run:
    return lambda text: [line.status for line in create(store, read(text))]


def test_every_instruction_becomes_a_field(read: Read) -> None:
    spec = read(
        "FROM base:8b\nPARAMETER stop a\nPARAMETER stop b\nPARAMETER temperature 0.5\nPARAMETER mirostat 2\n"
        'SYSTEM """Be\nbrief."""\nTEMPLATE {{ .Prompt }}\nLICENSE MIT\nLICENSE GPL\nMESSAGE user hi\n'
        "MESSAGE assistant hello\nRENDERER r\nPARSER p\nREQUIRES v0.14.0\n"
    )
    assert spec == CreateSpec(
        name="m",
        from_="base:8b",
        template="{{ .Prompt }}",
        system="Be\nbrief.",
        licenses=["MIT", "GPL"],
        parameters={"stop": ["a", "b"], "temperature": 0.5},
        messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        renderer="r",
        parser="p",
        requires="0.14.0",
        from_text=True,
    )


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_modelfile_of_endless_lines_is_not_parsed(read: Read, end: str) -> None:
    with pytest.raises(BadRequest, match="more than 50000 instructions"):
        read(end.join(["FROM x", *["PARAMETER stop a"] * 1_000_000]))


def test_warnings_go_to_the_log(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read("FROM x\nPARAMETER tfs_z 1\n")
    assert "tfs_z" in caplog.text


def test_a_file_beside_the_modelfile_is_copied_into_the_store(run: Run, opened: Opened, folder: Path) -> None:
    lines = run("FROM ./tiny.gguf\nSYSTEM Say hi!\n")
    digest = Digest.of(library.tiny_gguf())
    assert lines == [
        "parsing modelfile",
        "validating GGUF model",
        "parsing GGUF",
        "verifying conversion",
        f"creating new layer {digest}",
        f"creating new layer {Digest.of(b'Say hi!')}",
        "writing manifest",
        "success",
    ]
    assert opened("m").layers[0].digest == digest
    assert (folder / "tiny.gguf").read_bytes() == library.tiny_gguf()


def test_files_are_found_by_absolute_path_home_and_folder(
    run: Run, opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    for source in (folder / "tiny.gguf", "~/tiny.gguf", ".", folder):
        assert run(f"FROM {source}\n")[-1] == "success"
        assert opened("m").layers[0].digest == Digest.of(library.tiny_gguf())


def test_uploaded_blobs_are_named_with_an_at_sign(run: Run, opened: Opened, root: Path, folder: Path) -> None:
    model = library.put_blob(root, library.tiny_gguf())
    adapter = library.put_blob(root, library.tiny_gguf({"general.type": "adapter"}))
    for at in ("@", ""):
        run(f"FROM {at}{model}\nADAPTER {at}{adapter}\n")
        assert [(layer.kind, str(layer.digest)) for layer in opened("m").layers] == [
            ("model", model),
            ("adapter", adapter),
        ]


def test_a_blob_of_the_store_is_taken_in_place(run: Run, opened: Opened, root: Path) -> None:
    digest = Digest.parse(library.put_blob(root, library.tiny_gguf()))
    lines = run(f"FROM {root / 'blobs' / digest.filename}\n")
    assert f"using existing layer {digest}" in lines
    assert opened("m").layers[0].digest == digest


def test_a_blob_path_of_another_place_is_copied_like_any_file(run: Run, opened: Opened, folder: Path) -> None:
    misnamed = folder / Digest.of(b"something else").filename
    shutil.copy(folder / "tiny.gguf", misnamed)
    run(f"FROM {misnamed}\n")
    assert opened("m").layers[0].digest == Digest.of(library.tiny_gguf())


def test_what_show_prints_creates_the_same_model(run: Run, opened: Opened, store: Store, folder: Path) -> None:
    from pyollama.store.show import modelfile_text

    adapter = folder / "lora.gguf"
    adapter.write_bytes(library.tiny_gguf({"general.type": "adapter"}))
    run('FROM tiny.gguf\nADAPTER lora.gguf\nTEMPLATE x{{ .Prompt }}\nSYSTEM """a\n"b""""\nPARAMETER stop " <x>"\n')
    first = opened("m")
    run(modelfile_text(first))
    assert [layer.digest for layer in opened("m").layers] == [layer.digest for layer in first.layers]
    assert opened("m").config == first.config


def test_several_files_of_one_name_are_told_apart(run: Run, opened: Opened, folder: Path) -> None:
    (folder / "eye").mkdir()
    (folder / "eye" / "tiny.gguf").write_bytes(library.tiny_gguf({"general.type": "mmproj"}))
    run("FROM tiny.gguf\nFROM eye/tiny.gguf\n")
    assert {layer.kind for layer in opened("m").layers} == {"model", "projector"}


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("FROM x\nBAD y\n", ModelfileError, "(line 2, column 1): command must be one of"),
        ("SYSTEM x\n", ModelfileError, "no FROM line"),
        ("FROM x\nPARAMETER top_k many\n", ModelfileError, "invalid int value [many]"),
        ("FROM x\nFROM tiny.gguf\n", CreateError, "FROM mixes a model name and local files"),
        ("FROM x\nADAPTER nowhere.gguf\n", CreateError, "nowhere.gguf: no such file or directory"),
        ("FROM x\nDRAFT tiny.gguf\n", NotSupported, "DRAFT is not supported"),
        ("FROM @sha256:x\n", InvalidDigest, "invalid digest format"),
        ("FROM empty\n", CreateError, "no Modelfile or safetensors files found"),
        ("FROM tensors\n", NotSupported, "converting safetensors is not supported"),
        ("FROM notes.txt\n", CreateError, "supplied file was not in GGUF format"),
        ("FROM tiny.gguf\nADAPTER notes.txt\n", CreateError, "supplied file was not in GGUF format"),
        ("FROM nowhere.gguf\n", PyollamaError, "model 'nowhere.gguf' not found"),
        ("FROM ~no-such-user/x\n", PyollamaError, "failed to find user 'no-such-user'"),
    ],
)
def test_what_cannot_be_created_is_refused_and_leaves_nothing(
    run: Run, folder: Path, root: Path, text: str, error: type[PyollamaError], told: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "tensors").mkdir()
    (folder / "tensors" / "model.safetensors").write_bytes(b"")
    (folder / "notes.txt").write_text("not a model")
    with pytest.raises(error) as caught:
        run(text)
    assert told in str(caught.value)
    assert caught.value.status in (400, 404, 501)
    assert library.blobs(root) == set()


def test_a_file_that_turns_out_damaged_is_not_kept(run: Run, folder: Path, root: Path) -> None:
    (folder / "torn.gguf").write_bytes(library.tiny_gguf()[:200])
    with pytest.raises(PyollamaError, match=r"^torn\.gguf: "):
        run("FROM torn.gguf\n")
    assert library.blobs(root) == set()


def test_fields_of_the_request_win_over_the_text(read: Read, store: Store, root: Path, opened: Opened) -> None:
    blob = library.put_blob(root, library.tiny_gguf({"general.version": "other"}))
    text = read("FROM tiny.gguf\nSYSTEM text\nTEMPLATE {{ .Prompt }}\nPARAMETER seed 1\n")
    spec = text.overridden_by(CreateSpec("m", files={"t.gguf": blob}, system="request", parameters={"top_k": 2}))
    list(create(store, spec))
    model = opened("m")
    assert (str(model.layers[0].digest), model.system, model.template) == (blob, "request", "{{ .Prompt }}")
    assert model.parameters == {"top_k": 2}
    store.delete(ModelName.parse("m"))


def test_a_request_without_a_source_keeps_that_of_the_text(read: Read) -> None:
    spec = read("FROM base\n").overridden_by(CreateSpec("n", system="s"))
    assert (spec.name, spec.from_, spec.files, spec.from_text) == ("n", "base", None, True)
