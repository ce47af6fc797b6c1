"""Every command once against the real server and the real model."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import tiny_models

from pyollama import __version__


def test_launch_names_all_addresses_there_are_and_no_others(place: Any) -> None:
    """D9, and B19 of the faults: none of them answers 404."""
    named = re.findall(r"http://\S+", place.run("launch").stdout)
    assert named
    for address in named:
        assert 404 not in (httpx.get(address).status_code, httpx.post(address, json={}).status_code), address

    for path in ("/v1/chat/completions", "/v1/messages"):  # to be named as soon as they are there
        is_there = httpx.post(f"http://{place.host}{path}", json={}).status_code != 404
        assert any("/v1" in address for address in named) == is_there


def test_a_model_is_created_listed_shown_copied_and_removed(place: Any, tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text("FROM smollm2\nSYSTEM You are a sea captain.\nLICENSE MIT\n")
    created = place.run("create", "captain", "-f", str(tmp_path / "Modelfile"))
    assert (created.returncode, created.stdout) == (0, "")
    assert created.stderr.splitlines()[-1] == "success"
    assert "\x1b" not in created.stderr

    listed = place.run("list", "CAP").stdout.splitlines()
    assert listed[0].split() == ["NAME", "ID", "SIZE", "MODIFIED"] and listed[1].startswith("captain:latest ")
    assert "You are a sea captain." in place.run("show", "captain").stdout
    assert place.run("show", "captain", "--system").stdout == "You are a sea captain."

    assert place.run("cp", "captain", "mate").stdout == "copied 'captain' to 'mate'\n"
    assert place.run("rm", "captain", "mate").stdout == "deleted 'captain'\ndeleted 'mate'\n"
    gone = place.run("rm", "captain")
    assert (gone.returncode, gone.stderr) == (1, "Error: model 'captain' not found\n")


def test_show_describes_the_model(place: Any) -> None:
    out = place.run("show", "smollm2").stdout
    assert re.search(r"^  Model\n    architecture        llama +\n    parameters          134\.52M +\n", out)
    assert "  Capabilities\n    completion" in out
    assert "Tensors" in place.run("show", "-v", "smollm2").stdout


def test_the_printed_modelfile_makes_the_same_model(place: Any, tmp_path: Path) -> None:
    (tmp_path / "Modelfile").write_text(place.run("show", "--modelfile", "smollm2").stdout)
    assert place.run("create", "again", "-f", str(tmp_path / "Modelfile")).returncode == 0
    shown = [json.loads(place.run("show", "--json", name).stdout) for name in ("smollm2", "again")]
    assert shown[0]["parameters"] == shown[1]["parameters"]
    assert shown[0]["template"] == shown[1]["template"]
    place.run("rm", "again")


TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "Go"}]


def test_render_says_what_the_server_would(place: Any) -> None:
    rendered = place.run("render", "smollm2", "--messages", "-", stdin=json.dumps(TALK))
    body = {"model": "smollm2", "messages": TALK, "_debug_render_only": True}
    answer = httpx.post(f"http://{place.host}/api/chat", json=body, trust_env=False, timeout=60).json()
    assert (rendered.returncode, rendered.stderr) == (0, "")
    assert rendered.stdout == answer["_debug_info"]["rendered_template"]


def test_render_uses_the_template_of_the_file_if_that_is_the_better_one(place: Any, smollm2: Path) -> None:
    rendered = place.run("render", "smollm2", "--prompt", "Hi", OLLAMA_GO_TEMPLATE="0")
    assert (rendered.returncode, rendered.stderr) == (0, "")
    assert "You are a helpful AI assistant named SmolLM" in rendered.stdout
    assert rendered.stdout.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")

    modelfile = f"FROM {smollm2}\nMESSAGE user Hi\n"
    again = place.run("render", "-f", "-", stdin=modelfile, OLLAMA_GO_TEMPLATE="0")
    assert (again.returncode, again.stdout) == (0, rendered.stdout)


def test_an_answer_is_printed_alone(place: Any) -> None:
    done = place.run("run", "smollm2", "Why is the", "sky blue?")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n\n") and done.stdout.strip()
    assert "\x1b" not in done.stdout + done.stderr


def test_the_same_question_gets_the_same_answer_at_temperature_zero(place: Any) -> None:
    place.run("run", "smollm2", "Count to three.")  # from here on the prompt comes from the cache
    first, second = (place.run("run", "smollm2", "Count to three.").stdout for _ in range(2))
    assert first == second


def test_piped_text_is_part_of_the_question(place: Any) -> None:
    done = place.run("run", "--verbose", "smollm2", "Say it again:", stdin="The tide is high.\n")
    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stderr.splitlines()][-3:] == [
        "eval count",
        "eval duration",
        "eval rate",
    ]


def test_options_limit_the_answer(place: Any, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    place.run("run", "smollm2", "--option=num_predict=3", f"--stats-json={stats}", "Why is the sky blue?")
    assert 0 < json.loads(stats.read_text())["eval_count"] <= 3


def test_ps_shows_a_loaded_model_and_stop_unloads_it(place: Any) -> None:
    loaded = place.run("run", "smollm2", "--keepalive", "10m")
    assert (loaded.returncode, loaded.stdout) == (0, "")
    row = place.run("ps").stdout.splitlines()[1]
    assert row.startswith("smollm2:latest ") and "minutes from now" in row
    stopped = place.run("stop", "smollm2")
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, "", "")
    assert json.loads(place.run("ps", "--json").stdout) == {"models": []}
    assert place.run("stop", "nope").stderr == 'Error: couldn\'t find model "nope" to stop\n'


def test_versions_agree(place: Any) -> None:
    lines = place.run("--version").stdout.splitlines()
    assert lines[0] == f"pyollama version is {__version__}" and lines[1].startswith("API level: ollama ")
    assert len(lines) == 2


@pytest.mark.parametrize("command", ["pull", "push"])
def test_registries_are_refused_clearly(place: Any, command: str) -> None:
    done = place.run(command, "smollm2")
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_a_truncated_gguf_leaves_no_model(place: Any, smollm2: Path, tmp_path: Path) -> None:
    with smollm2.open("rb") as file:
        (tmp_path / "broken.gguf").write_bytes(file.read(1 << 20))
    (tmp_path / "Modelfile").write_text("FROM ./broken.gguf\n")
    done = place.run("create", "broken", "-f", str(tmp_path / "Modelfile"))
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("Error: ")
    assert "broken" not in place.run("list").stdout


def test_ctrl_c_ends_a_run_and_frees_the_server(place: Any) -> None:
    with place.started("run", "smollm2", "--option=num_predict=-1", "Tell me a very long story.") as process:
        assert process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert out.endswith("\n")
    assert place.run("run", "smollm2", "--option=num_predict=1", "hi").returncode == 0


def test_a_reader_that_leaves_ends_the_answer(place: Any) -> None:
    with place.started("run", "smollm2", "Tell me a long story.") as process:
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 141


def test_serve_names_a_port_in_use(place: Any) -> None:
    done = place.run("serve")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: listen tcp {place.host}: bind: address already in use"


def test_doctor_finds_nothing_wrong(place: Any, tmp_path: Path) -> None:
    done = place.run("doctor", "--json", "--deep", f"--bundle={tmp_path / 'report.zip'}")
    checks = {check["id"]: check["status"] for check in json.loads(done.stdout)["checks"]}
    assert list(checks) == [
        "python",
        "packages",
        "native",
        "devices",
        "server",
        "store",
        "blobs",
        "port",
        "environment",
        "proxies",
        "terminal",
        "clock",
    ]
    assert "fail" not in checks.values() and done.returncode == 0
    assert checks["server"] == checks["blobs"] == checks["clock"] == "ok"
    assert (tmp_path / "report.zip").stat().st_size > 200


def test_doctor_fails_for_a_missing_blob(place: Any, tmp_path: Path) -> None:
    shutil.copytree(place.home / ".ollama" / "models" / "manifests", tmp_path / "manifests")
    done = place.run("doctor", OLLAMA_MODELS=str(tmp_path))
    assert done.returncode == 5
    assert "smollm2:latest lacks sha256:" in done.stdout


def test_doctor_fails_for_a_damaged_blob(place: Any, tmp_path: Path) -> None:
    shutil.copytree(place.home / ".ollama" / "models", tmp_path / "models")
    for blob in (tmp_path / "models" / "blobs").iterdir():
        blob.write_bytes(b"something else")
    assert place.run("doctor", OLLAMA_MODELS=str(tmp_path / "models")).returncode == 0
    done = place.run("doctor", "--deep", OLLAMA_MODELS=str(tmp_path / "models"))
    assert done.returncode == 5
    assert "of smollm2:latest is damaged" in done.stdout


def test_doctor_repairs_what_cannot_hurt(place: Any, tmp_path: Path) -> None:
    stale = tmp_path / "blobs" / f"sha256-{'0' * 64}-partial"
    stale.parent.mkdir()
    stale.write_bytes(b"half")
    os.utime(stale, (0, 0))
    assert "warn  blobs" in place.run("doctor", OLLAMA_MODELS=str(tmp_path)).stdout
    done = place.run("doctor", "--fix", OLLAMA_MODELS=str(tmp_path))
    assert f"removed {stale}" in done.stdout and not stale.exists()


def test_doctor_tells_of_another_program_on_the_port(place: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = place.run(f"--host=127.0.0.1:{listener.getsockname()[1]}", "doctor")
    assert done.returncode == 5 and "another program answers" in done.stdout


def test_render_can_be_interrupted_while_a_template_loops(place: Any, tmp_path: Path) -> None:
    loops = "{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3
    weights = tiny_models.sliding_window(tmp_path / "loops.gguf", chat_template=loops)
    (tmp_path / "Modelfile").write_text(f"FROM {weights}\n")
    with place.started("render", "-f", str(tmp_path / "Modelfile"), "--prompt", "hi") as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)  # it is in the loop by then
        process.send_signal(signal.SIGINT)
        assert process.wait(10) != 0
