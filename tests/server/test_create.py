"""Creating models over HTTP. What a create does to the store is tested beside the pipeline."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from support.servers import ServerProcess, refusal

FROM = {"from": "smollm"}


def statuses(server: ServerProcess, **body: Any) -> list[str]:
    return [line.get("status", line.get("error", "")) for line in server.lines("/api/create", **body)]


def show(server: ServerProcess, name: str) -> dict[str, Any]:
    shown: dict[str, Any] = server.post("/api/show", model=name).json()
    return shown


def weights_of(server: ServerProcess) -> str:
    return "sha256:" + show(server, "smollm")["modelfile"].split("sha256-")[1][:64]


def test_a229_a230_a231_a_system_text_on_top(server: ServerProcess) -> None:
    lines = statuses(server, model="keeper", system="Answer like a keeper of a lighthouse.", **FROM)
    assert lines[-2:] == ["writing manifest", "success"]
    assert {line.split(" sha256:")[0] for line in lines[:-2]} == {"using existing layer", "creating new layer"}
    shown, base = show(server, "keeper"), show(server, "smollm")
    assert shown["system"] == "Answer like a keeper of a lighthouse."
    assert (shown["template"], shown["parameters"]) == (base["template"], base["parameters"])


def test_a232_without_streaming_only_success(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="quiet", stream=False, **FROM)
    assert (answer.status_code, answer.json()) == (200, {"status": "success"})


def test_a233_the_older_name_field(server: ServerProcess) -> None:
    assert server.post("/api/create", name="older", stream=False, **FROM).status_code == 200
    assert show(server, "older")["details"]["family"] == "llama"


def test_answers_that_are_no_stream_name_no_charset(server: ServerProcess) -> None:
    done, refused = (
        server.post("/api/create", model="quiet", stream=False, **FROM),
        server.post("/api/create", model="x"),
    )
    assert (done.headers["content-type"], refused.headers["content-type"]) == ("application/json",) * 2


def test_a235_something_to_create_from_is_needed(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="nothing")
    assert refusal(answer) == (400, "neither 'from' or 'files' was specified")


def test_a236_from_an_uploaded_file(server: ServerProcess) -> None:
    lines = statuses(server, model="uploaded", files={"a.gguf": weights_of(server)})
    assert lines[0] == "parsing GGUF" and lines[-1] == "success"
    assert "using autodetected template chatml" in lines


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({}, "unknown type"),
        ({"a.gguf": ""}, "invalid digest format"),
        ({"../x": "sha256:" + "0" * 64}, "file path must be relative"),
    ],
    ids=["A237", "A238", "A239"],
)
def test_files_that_are_refused(server: ServerProcess, files: dict[str, str], text: str) -> None:
    assert refusal(server.post("/api/create", model="refused", files=files)) == (400, text)


def test_a240_a_file_that_is_no_gguf(server: ServerProcess) -> None:
    digest, _ = server.store.blobs.add_bytes(b"just some text, and enough of it to have a magic number")
    answer = server.post("/api/create", model="refused", stream=False, files={"a.gguf": str(digest)})
    assert refusal(answer) == (400, "supplied file was not in GGUF format")


@pytest.mark.parametrize("stream", [True, False])
def test_a241_a_digest_that_was_not_uploaded(server: ServerProcess, stream: bool) -> None:
    answer = server.post("/api/create", model="refused", stream=stream, files={"a.gguf": "sha256:" + "0" * 64})
    if stream:  # as Ollama: the file is looked for when its line was sent
        parsing, error = (json.loads(line) for line in answer.text.splitlines())
        assert (answer.status_code, parsing) == (200, {"status": "parsing GGUF"})
        assert error["error"].endswith("no such file or directory")
    else:
        assert refusal(answer)[0] == 500


def test_a250_a_bad_template(server: ServerProcess) -> None:
    status, text = refusal(server.post("/api/create", model="refused", template="{{ .Prompt", **FROM))
    assert status == 400 and text.startswith("template error:")


@pytest.mark.parametrize(
    ("license", "shown"), [("MIT", "MIT"), (["MIT", "Apache"], "MIT\nApache")], ids=["text", "list"]
)
def test_a251_licenses(server: ServerProcess, license: object, shown: str) -> None:
    server.create("licensed", license=license, **FROM)
    assert show(server, "licensed")["license"] == shown


def test_a252_parameters_merge_by_name(server: ServerProcess) -> None:
    server.create("tuned", parameters={"temperature": 0.5, "seed": 3}, **FROM)
    lines = dict(line.split(maxsplit=1) for line in show(server, "tuned")["parameters"].splitlines())
    assert (lines["temperature"], lines["seed"], lines["num_ctx"]) == ("0.5", "3", "2048")


def test_a254_an_override_of_a_wrong_type(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="refused", info={"context_length": "x"}, **FROM)
    assert refusal(answer) == (400, 'info field "context_length" must be a number')


@pytest.mark.parametrize("levels", [200, 900, 100_000])
def test_c11_json_that_nests_too_deeply(server: ServerProcess, levels: int) -> None:
    deep = "[" * levels + "]" * levels
    for field in (
        f'"parameters":{{"stop":{deep}}}',
        f'"messages":[{{"role":"user","content":"x","tool_calls":{deep}}}]',
    ):
        answer = server.http.post("/api/create", content=f'{{"model":"refused","from":"smollm",{field}}}')
        assert refusal(answer)[0] == 400


def test_c11_a_system_text_beyond_16_mib(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="refused", system="x" * ((16 << 20) + 1), **FROM)
    assert refusal(answer) == (400, f"the system has {(16 << 20) + 1} bytes, more than the {16 << 20} allowed")
    assert server.post("/api/show", model="refused").status_code == 404


def test_a255_a_draft_type_needs_a_draft(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="refused", draft_quantize="q4_0", **FROM)
    assert refusal(answer) == (400, "--draft-quantize requires a DRAFT model")


def test_a256_the_text_of_a_modelfile(server: ServerProcess) -> None:
    text = 'FROM smollm\nSYSTEM """Be\nbrief."""\nPARAMETER seed 9\nMESSAGE user hi\nMESSAGE assistant ho\n'
    assert statuses(server, model="texted", modelfile=text)[0] == "parsing modelfile"
    shown = show(server, "texted")
    assert shown["system"] == "Be\nbrief." and len(shown["messages"]) == 2


def test_fields_win_over_the_text(server: ServerProcess) -> None:
    server.create("both", modelfile="FROM smollm\nSYSTEM text", system="field")
    assert show(server, "both")["system"] == "field"


def test_a257_the_path_of_a_modelfile(server: ServerProcess, tmp_path: Path) -> None:
    path = tmp_path / "Modelfile"
    path.write_text("FROM smollm\nSYSTEM from a file\n")
    server.create("pathed", path=str(path))
    assert show(server, "pathed")["system"] == "from a file"


def test_a257_the_path_may_start_at_home(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="pathed", path="~/no-such-folder/Modelfile")
    assert refusal(answer)[1].endswith("no such file or directory")


def test_a258_a_path_that_cannot_be_read(server: ServerProcess, tmp_path: Path) -> None:
    status, text = refusal(server.post("/api/create", model="x", path=str(tmp_path / "absent")))
    assert status == 400 and text.startswith("error reading modelfile:")


def test_a259_a_modelfile_may_name_a_blob(server: ServerProcess) -> None:
    server.create("referring", modelfile=f"FROM @{weights_of(server)}\n")
    assert show(server, "referring")["details"]["family"] == "llama"


def test_a_modelfile_with_a_mistake_says_where(server: ServerProcess) -> None:
    status, text = refusal(server.post("/api/create", model="x", modelfile="FROM smollm\nNONSENSE 1\n"))
    assert status == 400 and "2" in text


def test_a260_overwriting_removes_what_is_unused(server: ServerProcess) -> None:
    def blobs() -> set[str]:
        return {path.name for path in (server.store.root / "blobs").iterdir()}

    server.create("overwritten", system="the first text", **FROM)
    before = blobs()
    server.create("overwritten", system="the second text", **FROM)
    assert len(blobs() - before) == len(before - blobs()) == 1  # the system text; the config is the same


def test_a262_a_base_that_does_not_exist(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="refused", **{"from": "no-such-model"})
    status, _ = refusal(answer)
    assert status >= 400
    assert server.post("/api/show", model="refused").status_code == 404


def test_a_remote_host_is_refused(server: ServerProcess) -> None:
    answer = server.post("/api/create", model="refused", remote_host="https://a.example", **FROM)
    assert refusal(answer) == (400, "bad remote")


def test_two_creates_of_one_name_at_once_both_end_well(server: ServerProcess) -> None:
    ends: list[str] = []

    def make(text: str) -> None:
        ends.append(statuses(server, model="contended", system=text, **FROM)[-1])

    threads = [threading.Thread(target=make, args=(f"text {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ends == ["success"] * 4
    assert show(server, "contended")["system"].startswith("text ")
