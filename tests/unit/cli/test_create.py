from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
WEIGHTS = b"GGUF\x03\x00\x00\x00 not really"
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (folder / "weights.gguf").write_bytes(WEIGHTS)
    return folder


@pytest.fixture
def accepting(api: Any) -> Any:
    api.answer("HEAD", f"/api/blobs/{DIGEST}", status=404)
    api.answer("POST", f"/api/blobs/{DIGEST}", status=201)
    api.stream("/api/create", {"status": "parsing GGUF"}, {"status": "success"})
    return api


def modelfile(folder: Path, text: str) -> str:
    path = folder / "Modelfile"
    path.write_text(text)
    return str(path)


def test_local_files_are_uploaded_and_named_in_the_request(accepting: Any, cli: Cli, folder: Path) -> None:
    text = 'FROM ./weights.gguf\nSYSTEM """Be\nbrief."""\nPARAMETER stop a\nPARAMETER stop b\nMESSAGE user hi\n'
    text += "LICENSE MIT\n"
    outcome = cli("create", "m", "-f", modelfile(folder, text), "-q", "q4_K_M")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.splitlines() == [
        "gathering model components",
        f"copying file {DIGEST}",
        "parsing GGUF",
        "success",
    ]
    assert accepting.bodies(f"/api/blobs/{DIGEST}") == [None, WEIGHTS]
    assert accepting.bodies("/api/create") == [
        {
            "model": "m",
            "files": {"weights.gguf": DIGEST},
            "system": "Be\nbrief.",
            "parameters": {"stop": ["a", "b"]},
            "messages": [{"role": "user", "content": "hi"}],
            "license": ["MIT"],
            "quantize": "q4_K_M",
        }
    ]


def test_a_file_the_server_has_is_not_sent_again(accepting: Any, cli: Cli, folder: Path) -> None:
    accepting.answer("HEAD", f"/api/blobs/{DIGEST}")
    cli("create", "m", "-f", modelfile(folder, "FROM ./weights.gguf"))
    assert accepting.bodies(f"/api/blobs/{DIGEST}") == [None]


def test_a_model_name_is_sent_as_it_is(accepting: Any, cli: Cli, folder: Path) -> None:
    cli("create", "m", "-f", modelfile(folder, "FROM llama3.2"))
    assert accepting.bodies("/api/create") == [{"model": "m", "from": "llama3.2"}]


def test_a_modelfile_can_come_from_standard_input(accepting: Any, cli: Cli) -> None:
    cli("create", "m", "-f", "-", stdin=b"FROM llama3.2")
    assert accepting.bodies("/api/create") == [{"model": "m", "from": "llama3.2"}]


def test_the_modelfile_of_the_current_folder_is_the_default(
    accepting: Any, cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    cli("create", "m")  # without a Modelfile: FROM .
    modelfile(folder, "FROM llama3.2")
    cli("create", "m")
    assert accepting.bodies("/api/create") == [
        {"model": "m", "files": {"weights.gguf": DIGEST}},
        {"model": "m", "from": "llama3.2"},
    ]


def test_progress_records_can_be_json(accepting: Any, cli: Cli, folder: Path) -> None:
    outcome = cli("create", "m", "--json", "-f", modelfile(folder, "FROM ./weights.gguf"))
    assert [json.loads(line)["status"] for line in outcome.out.splitlines()] == ["parsing GGUF", "success"]
    assert outcome.err == ""


def test_a_wrong_name_fails_before_anything_is_read(cli: Cli) -> None:
    outcome = cli("create", "no/such/model/name/at/all:x:y", "-f", "missing")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: invalid model name: ")


def test_an_empty_folder_holds_no_model(api: Any, cli: Cli, folder: Path) -> None:
    outcome = cli("create", "m")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (1, "Error: no Modelfile or safetensors files found")


def test_a_named_modelfile_must_exist(api: Any, cli: Cli, folder: Path) -> None:
    assert cli("create", "m", "-f", "missing").err == "Error: specified Modelfile wasn't found\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SYSTEM x\n", "(line 1, column 1): no FROM line"),
        ("FROM x\nBAD y\n", '(line 2, column 1): command must be one of "from",'),
        (
            "FROM x\nMESSAGE tool y\n",
            '(line 2, column 9): message role must be one of "system", "user", or "assistant"',
        ),
        ("FROM x\nPARAMETER nope 1\n", "(line 2, column 11): unknown parameter 'nope'"),
        ("FROM x\nPARAMETER top_k 1.5\n", "(line 2, column 17): invalid int value [1.5]"),
        ("FROM ./weights.gguf\nFROM llama3.2\n", "FROM mixes a model name and local files"),
        ("FROM ./weights.gguf\nDRAFT weights.gguf\n", "DRAFT must not reference the same local path as FROM: "),
        ("FROM llama3.2\nADAPTER ./missing\n", ""),
    ],
)
def test_a_modelfile_that_makes_no_sense_is_refused_here(
    accepting: Any, cli: Cli, folder: Path, text: str, message: str
) -> None:
    outcome = cli("create", "m", "-f", modelfile(folder, text))
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith(f"Error: {message}")
    assert accepting.bodies("/api/create") == []


def test_a_deprecated_parameter_is_a_warning(accepting: Any, cli: Cli, folder: Path) -> None:
    outcome = cli("create", "m", "-f", modelfile(folder, "FROM x\nPARAMETER mirostat 2\n"))
    assert outcome.code == 0
    assert outcome.err.startswith("warning: parameter mirostat is deprecated")
    assert accepting.bodies("/api/create") == [{"model": "m", "from": "x"}]


def test_a_draft_type_needs_a_draft(accepting: Any, cli: Cli, folder: Path) -> None:
    outcome = cli("create", "m", "--draft-quantize=q8_0", "-f", modelfile(folder, "FROM x"))
    assert outcome.err.splitlines()[-1] == "Error: --draft-quantize requires a DRAFT model"
