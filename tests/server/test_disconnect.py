"""Clients that leave, and servers that stop."""

from __future__ import annotations

import json
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from support.servers import ServerProcess, scripted_server, server_process
from support.stored_models import header_only, store_model

SILENT = "silent"
LEAVES_TRACES = """
from pathlib import Path
for command in inbox:
    match command:
        case wire.Generate():
            if "silent" not in "".join(command.prompt):
                send(wire.Piece(command.id, "a piece"))
            Path({folder!r}, "started").touch()
        case wire.Cancel():
            Path({folder!r}, "cancelled").touch()
"""


def request(path: str, body: dict[str, object]) -> bytes:
    data = json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def close(client: socket.socket) -> None:
    client.close()


def half_close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # the state is in another process or has no event
        await trio.sleep(0.002)


@pytest.mark.parametrize("leave", [close, half_close, reset])
@pytest.mark.parametrize("prompt", [SILENT, "hello"], ids=["before the first byte", "in mid-stream"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a030_a_client_that_leaves_frees_the_engine(
    tmp_path: Path, leave: Callable[[socket.socket], None], prompt: str, stream: bool
) -> None:
    script = LEAVES_TRACES.format(folder=str(tmp_path))
    async with scripted_server(tmp_path / "models", script) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        with server.connect() as client:
            client.sendall(request("/api/generate", {"model": "base", "prompt": prompt, "stream": stream}))
            if stream and prompt != SILENT:
                await trio.to_thread.run_sync(client.recv, 1)
            await until((tmp_path / "started").exists)

            leave(client)
            with trio.fail_after(2):  # a few milliseconds on a machine at rest
                await until((tmp_path / "cancelled").exists)
                await until(lambda: not server.requests_running())


EMBEDS_NOTHING = """
from pathlib import Path
with Path({folder!r}, "commands").open("a", buffering=1) as out:
    for command in inbox:
        print(type(command).__name__, file=out)
"""


async def test_c9_a_client_that_leaves_stops_its_texts(tmp_path: Path) -> None:
    def commands() -> list[str]:
        return (tmp_path / "commands").read_text().split()

    async with scripted_server(tmp_path / "models", EMBEDS_NOTHING.format(folder=str(tmp_path))) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        with server.connect() as client, trio.fail_after(10):
            client.sendall(request("/api/embed", {"model": "base", "input": ["text"] * 10_000}))
            await until((tmp_path / "commands").exists)
            await until(lambda: commands().count("Embed") == 2)
            close(client)
            await until(lambda: commands().count("Cancel") == 2)
            await until(lambda: not server.requests_running())

    assert commands().count("Embed") == 2  # the rest was never asked for


FLOODS = """
for command in inbox:
    if isinstance(command, wire.Generate):
        for _ in range(2000):
            send(wire.Piece(command.id, "x" * 10_000))
"""


@pytest.mark.parametrize("leave", [half_close, reset, None])
async def test_a_client_that_does_not_read_keeps_nothing_from_ending(
    tmp_path: Path, leave: Callable[[socket.socket], None] | None
) -> None:
    async with scripted_server(tmp_path, FLOODS) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        with server.connect() as client:
            client.sendall(request("/api/generate", {"model": "base", "prompt": "x"}))
            await trio.to_thread.run_sync(client.recv, 1)
            with trio.fail_after(5):
                if leave is not None:
                    leave(client)
                    await until(lambda: not server.requests_running())
                else:
                    await server.stop()


def test_the_next_request_after_a_disconnect_is_right(server: ServerProcess) -> None:
    ask = {"model": "alphabet", "prompt": "a", "options": {"num_predict": 12, "temperature": 0}}
    for wanted in (0, 400):  # in prefill, and in decode
        with server.connect() as client:
            prompt = "a long story " * 60 + "a"
            client.sendall(request("/api/generate", {"model": "alphabet", "prompt": prompt}))
            while wanted > 0:
                wanted -= len(client.recv(wanted))
        assert server.generate(**ask)["response"] == "bcdefghijklm"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_connection_closes_when_the_client_asks_for_it(server: ServerProcess, version: str) -> None:
    with server.connect() as client:
        client.sendall(f"GET / HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert b"".join(iter(lambda: client.recv(1 << 16), b"")).endswith(b"Ollama is running")


def test_a_connection_serves_many_requests(server: ServerProcess) -> None:
    with server.connect() as client, client.makefile("rb") as answers:
        for _ in range(3):
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            headers = dict(line.split(b": ") for line in iter(lambda: answers.readline().strip(), b"") if b": " in line)
            assert answers.read(int(headers[b"content-length"])) == b"Ollama is running"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_unloads_everything_and_ends_with_success(tmp_path: Path, smollm2: Path, number: int) -> None:
    with server_process(tmp_path) as server:
        digest, _ = server.store.blobs.add_file(smollm2)
        server.create("smollm", files={"smollm2.gguf": str(digest)})
        server.post("/api/generate", model="smollm")
        runners = server.runners()
        assert len(runners) == 1

        started = time.monotonic()
        assert server.end(number) == 0

        assert time.monotonic() - started < 5
        assert not any(Path(f"/proc/{pid}").exists() for pid in runners)
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_a_stop_in_mid_stream_does_not_wait_for_its_end(tmp_path: Path, smollm2: Path) -> None:
    with server_process(tmp_path) as server:
        digest, _ = server.store.blobs.add_file(smollm2)
        server.create("smollm", files={"smollm2.gguf": str(digest)})
        with server.connect() as client:
            client.sendall(
                request("/api/generate", {"model": "smollm", "prompt": "Tell me a long story.", "raw": True})
            )
            client.recv(1)
            started = time.monotonic()
            assert server.end() == 0
            assert time.monotonic() - started < 5


def test_a_second_signal_ends_the_server_at_once(tmp_path: Path, smollm2: Path) -> None:
    with server_process(tmp_path) as stopping:
        digest, _ = stopping.store.blobs.add_file(smollm2)
        stopping.create("smollm", files={"smollm2.gguf": str(digest)})
        with stopping.connect() as client:
            body = {"model": "smollm", "prompt": "Tell me a long story.", "raw": True}
            client.sendall(request("/api/generate", body))
            client.recv(1)
            stopping.process.send_signal(signal.SIGINT)
            while not any("msg=stopping" in line for line in stopping.log):
                pass
            assert stopping.end(signal.SIGINT) == 130


def test_a_taken_port_is_a_clear_error(server: ServerProcess, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=rf"listen tcp 127.0.0.1:{server.port}: bind: address already in use"):
        with server_process(tmp_path, OLLAMA_HOST=f"127.0.0.1:{server.port}"):
            pass


def test_the_server_is_small_again_after_large_requests(server: ServerProcess) -> None:
    for _ in range(3):
        refused = server.post("/api/create", model="large", system="x" * (24 << 20), **{"from": "smollm"})
        assert refused.status_code == 400
    server.generate(model="smollm", prompt="Hi", options={"num_predict": 2})
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "numpy" not in maps and "_engine" not in maps
    status = dict(line.split(":", 1) for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines())
    assert int(status["VmRSS"].split()[0]) < 90 << 10
