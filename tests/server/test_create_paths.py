"""Paths of the server's disk in a create: for whom they are read, and what is there instead of a file."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import trio
from support import library
from support.servers import ServerProcess, refusal, server_process

ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo.gguf"
    os.mkfifo(path)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(library.tiny_gguf())
    return path


def create(server: ServerProcess, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
    return server.http.post("/api/create", json={"model": "pathed", "stream": False, **body}, headers=headers)


# --- A440: only clients on this machine may name paths ----------------------------------------------------------------


@pytest.mark.parametrize("header", [{"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=x"}, {"X-Real-IP": "::1"}])
def test_a440_paths_of_the_server_are_refused_from_elsewhere(
    server: ServerProcess, weights: Path, header: dict[str, str]
) -> None:
    for told, value in (
        ({"path": str(weights)}, str(weights)),
        ({"modelfile": f"FROM {weights}"}, str(weights)),
        ({"modelfile": "FROM ~/tiny.gguf"}, "~/tiny.gguf"),
        ({"modelfile": "FROM ./tiny.gguf"}, "./tiny.gguf"),
        ({"modelfile": "FROM \\\\host\\tiny.gguf"}, "\\\\host\\tiny.gguf"),
        ({"modelfile": f"FROM smollm\nADAPTER {weights}"}, str(weights)),
        ({"modelfile": "FROM smollm\nADAPTER lora.gguf"}, "lora.gguf"),
        ({"modelfile": "FROM smollm\nDRAFT draft.gguf"}, "draft.gguf"),
    ):
        text = f"paths on the server are accepted from the same machine only: {value}"
        assert refusal(create(server, header, **told)) == (400, text)


def test_a440_any_other_from_is_a_name_elsewhere(server: ServerProcess) -> None:
    assert create(server, ELSEWHERE, modelfile="FROM smollm\nSYSTEM x").status_code == 200
    assert refusal(create(server, ELSEWHERE, modelfile="FROM pyproject.toml")) == (
        404,
        "model 'pyproject.toml' not found",
    )


def test_a440_paths_of_the_server_are_read_for_clients_of_this_machine(server: ServerProcess, weights: Path) -> None:
    assert create(server, modelfile=f"FROM {weights}").status_code == 200


# --- what is no file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "fifo", "/"])
def test_c3_a_modelfile_is_a_file(server: ServerProcess, fifo: Path, path: str) -> None:
    status, text = refusal(create(server, path=str(fifo) if path == "fifo" else path))
    assert status == 400 and text.startswith("error reading modelfile: ")
    assert text.endswith(("not a regular file", "is a directory"))


def test_c3_a_modelfile_has_a_limit(server: ServerProcess, tmp_path: Path) -> None:
    large = tmp_path / "Modelfile"
    large.write_text("FROM smollm\n")
    os.truncate(large, 3 << 30)
    status, text = refusal(create(server, path=str(large)))
    assert status == 400 and text == f"error reading modelfile: {large}: more than the {16 << 20} bytes allowed"


@pytest.mark.parametrize("word", ["FROM", "FROM smollm\nADAPTER"])
@pytest.mark.parametrize("place", ["fifo", "/dev/zero"])
def test_c3_weights_are_a_file(server: ServerProcess, fifo: Path, word: str, place: str) -> None:
    path = str(fifo) if place == "fifo" else place
    assert refusal(create(server, modelfile=f"{word} {path}")) == (400, f"{path}: not a regular file")


def test_c3_a_folder_with_a_pipe_in_it_has_no_weights(server: ServerProcess, fifo: Path) -> None:
    assert refusal(create(server, modelfile=f"FROM {fifo.parent}"))[0] == 400


def test_c3_many_creates_from_a_pipe_stop_nobody(server: ServerProcess, fifo: Path) -> None:
    with ThreadPoolExecutor(41) as threads:
        answers = list(threads.map(lambda _: create(server, path=str(fifo)).status_code, range(41)))
    assert answers == [400] * 41
    assert server.http.get("/api/tags").status_code == 200


@pytest.fixture
def piped_model(server: ServerProcess) -> Iterator[str]:
    """A model whose system text is a pipe."""
    server.create("piped", system="a text that only this model has", **{"from": "smollm"})
    name = next(model.name for model in server.store.list_models() if model.name.model == "piped")
    layer = next(layer for layer in server.store.open_model(name).layers if layer.kind == "system")
    path = server.store.blobs.path(layer.digest)
    path.unlink()
    os.mkfifo(path)
    yield "piped"
    server.store.delete(name)


def test_c3_a_pipe_in_place_of_a_blob_is_told(server: ServerProcess, piped_model: str) -> None:
    status, text = refusal(server.post("/api/show", model=piped_model))
    assert status == 500 and text.endswith(": not a regular file")


def test_c3_a_pipe_in_place_of_a_manifest_is_told(server: ServerProcess) -> None:
    folder = server.store.root / "manifests/registry.ollama.ai/library/pipe"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "latest")
    status, text = refusal(server.post("/api/show", model="pipe"))
    assert status == 500 and text.endswith("is unreadable: it is not a regular file")
    assert server.http.get("/api/tags").status_code == 200
    (folder / "latest").unlink()


# --- leaving ----------------------------------------------------------------------------------------------------------


async def test_b6_a_client_that_leaves_ends_the_copy_of_a_large_file(server: ServerProcess, tmp_path: Path) -> None:
    large = tmp_path / "large.gguf"
    large.write_bytes(library.tiny_gguf())
    os.truncate(large, 8 << 30)
    before = library.blobs(server.store.root)
    body = json.dumps({"model": "large", "modelfile": f"FROM {large}"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        head = f"POST /api/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        received = b""
        while b'"completed"' not in received:
            received += client.recv(4096)
    with trio.fail_after(60):
        while library.blobs(server.store.root) != before:  # noqa: ASYNC110  # there is no event for it
            await trio.sleep(0.05)


def test_b6_a_server_that_stops_ends_the_copy_and_says_so(tmp_path: Path) -> None:
    large = tmp_path / "large.gguf"
    large.write_bytes(library.tiny_gguf())
    os.truncate(large, 8 << 30)
    with (
        server_process(tmp_path / "models") as server,
        server.http.stream("POST", "/api/create", json={"model": "large", "modelfile": f"FROM {large}"}) as answer,
    ):
        lines = answer.iter_lines()
        while "completed" not in next(lines):
            pass
        server.process.send_signal(signal.SIGTERM)
        *_, last = lines
        assert json.loads(last) == {"error": "the server is stopping"}
        assert server.process.wait(20) == 0
        assert library.blobs(server.store.root) == set()
