"""Connections: what they hold, when they end, and requests that are cut up or put together in unusual ways."""

from __future__ import annotations

import contextlib
import gc
import http.client
import os
import random
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from support.servers import ServerProcess, scripted_server, server_process
from support.stored_models import header_only, store_model

from pyollama.server import connection, sockets
from pyollama.server.connection import Request
from pyollama.server.dialects.ollama import blobs
from pyollama.store import BlobWriter
from pyollama.wire.ollama import GenerateRequest

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
RUNNING = b"Ollama is running"
FEW = 64  # descriptors


def receive_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1 << 16), b""))


def receive_until(client: socket.socket, end: bytes) -> bytes:
    got = b""
    while end not in got:
        more = client.recv(1 << 16)
        assert more, got
        got += more
    return got


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that may have few descriptors."""
    with server_process(tmp_path_factory.mktemp("models")) as running:
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (FEW, FEW))
        yield running


# --- descriptors ------------------------------------------------------------------------------------------------------


def test_a_connection_is_gone_when_its_client_closed_it(server: ServerProcess) -> None:
    server.http.get("/")
    before = descriptors(server.process.pid)
    for _ in range(30):
        with server.connect() as client:
            client.sendall(GET)
            receive_until(client, RUNNING)
    until(lambda: descriptors(server.process.pid) <= before)


def test_more_clients_come_and_go_than_there_are_descriptors(small_server: ServerProcess) -> None:
    for _ in range(3 * FEW):
        with small_server.connect() as client:
            client.sendall(GET)
            receive_until(client, RUNNING)


def test_the_longest_idle_connection_makes_room(small_server: ServerProcess) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(small_server.connect()) for _ in range(2 * FEW)]
        last = clients[-1]
        last.sendall(GET)
        receive_until(last, RUNNING)
        assert receive_all(clients[0]) == b""  # closed
    assert not any("Traceback" in line for line in small_server.log)


async def test_connections_leave_descriptors_for_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_most_connections", lambda: 8)
    async with scripted_server(tmp_path, "") as server:
        with contextlib.ExitStack() as stack:
            clients = []
            for _ in range(20):
                clients.append(stack.enter_context(server.connect()))
                clients[-1].sendall(GET)
                await trio.to_thread.run_sync(receive_until, clients[-1], RUNNING)
            gone = await trio.to_thread.run_sync(lambda: [receive_all(client) for client in clients[:12]])
            assert gone == [b""] * 12
            assert not any(map(_answers, clients[12:]))


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "line"), [("/", b"200 OK"), ("/nope", b"404 Not Found"), ("/api/chat", b"405 Method")]
)
def test_an_answer_has_a_reason_phrase(server: ServerProcess, path: str, line: bytes) -> None:
    with server.connect() as client:
        client.sendall(GET.replace(b" / ", f" {path} ".encode()))
        assert receive_until(client, b"\r\n").startswith(b"HTTP/1.1 " + line)


async def test_a_stream_has_a_reason_phrase(tmp_path: Path) -> None:
    script = "for command in inbox:\n    if isinstance(command, wire.Generate): send(wire.Piece(command.id, 'a'))"
    async with scripted_server(tmp_path, script) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        with server.connect() as client:
            body = b'{"model":"base","prompt":"x","raw":true}'
            client.sendall(
                b"POST /api/generate HTTP/1.1\r\nHost: a.localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            client.sendall(body)
            head = await trio.to_thread.run_sync(receive_until, client, b"\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /api/show HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /api/show HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_a_body_whose_length_is_ambiguous_ends_the_connection(server: ServerProcess, head: bytes) -> None:
    with server.connect() as client:
        client.sendall(head + b"0\r\n\r\n" + GET)
        answer = receive_all(client)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("target", [b"?x=1", b"nope", b"mailto:a"])
def test_a_target_that_is_no_path_is_refused(server: ServerProcess, target: bytes) -> None:
    with server.connect() as client:
        client.sendall(GET.replace(b"/ ", target + b" ", 1))
        assert receive_all(client).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
def test_nothing_is_upgraded(server: ServerProcess, upgrade: bytes) -> None:
    with server.connect() as client:
        headers = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + upgrade + b"\r\nHTTP2-Settings: \r\n\r\n"
        client.sendall(GET[:-2] + headers)
        assert receive_until(client, RUNNING).startswith(b"HTTP/1.1 200 OK")


def test_requests_sent_together_are_answered_in_turn(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(GET * 3 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert receive_all(client).count(RUNNING) == 4


def test_a_request_may_come_byte_by_byte(server: ServerProcess) -> None:
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(GET)):
            client.sendall(GET[i : i + 1])
        receive_until(client, RUNNING)


async def test_a_client_that_sent_its_next_request_early_is_seen_to_leave(tmp_path: Path) -> None:
    script = "for command in inbox: pass"
    async with scripted_server(tmp_path, script) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        with server.connect() as client:
            body = b'{"model":"base","prompt":"x","raw":true,"stream":false}'
            client.sendall(post("/api/generate", f"Content-Length: {len(body)}") + body + GET)
            with trio.fail_after(20):
                while not server.requests_running():  # noqa: ASYNC110  # there is no event for it
                    await trio.sleep(0.01)
        with trio.fail_after(20):
            while server.requests_running():  # noqa: ASYNC110
                await trio.sleep(0.01)


async def test_a_client_that_asks_much_and_leaves_leaves_nothing_behind(tmp_path: Path) -> None:
    script = "for command in inbox:\n    if isinstance(command, wire.Generate):\n"
    script += "        for _ in range(2000): send(wire.Piece(command.id, 'x' * 10_000))"
    async with scripted_server(tmp_path, script) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        body = b'{"model":"base","prompt":"x","raw":true}'
        await trio.to_thread.run_sync(lambda: server.post("/api/generate", model="base"))
        before = descriptors(os.getpid())
        with server.connect() as client:
            client.sendall(post("/api/generate", f"Content-Length: {len(body)}") + body + GET * 3000)
            await trio.to_thread.run_sync(client.recv, 1)
            await trio.testing.wait_all_tasks_blocked(0.1)  # the answer fills all buffers, the reader is full
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with trio.fail_after(20):
            while descriptors(os.getpid()) > before:  # noqa: ASYNC110  # there is no event for it
                await trio.sleep(0.01)


CHUNKED = (
    b"POST /api/show HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"model":"x"}')
    + b"0\r\n\r\n"
)


def torn(chance: random.Random) -> bytes:
    """Some requests, with some bytes of them changed, left out or put in."""
    body = b'{"model":"nope","prompt":"x"}'
    asks_first = ["/api/generate", f"Content-Length: {len(body)}", "Expect: 100-continue"]
    blob = post("/api/blobs/sha256:" + "0" * 64, "Content-Length: 100000") + b"y" * 50_000
    large = post("/api/show", "Content-Length: 300000") + b" " * 300_000
    seeds = [GET, GET * 5, CHUNKED, post(*asks_first) + body, blob, large, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"]
    data = bytearray(b"".join(chance.choices(seeds, k=chance.randint(1, 3))))
    for _ in range(chance.choice((0, 0, 1, 3))):
        where = chance.randrange(len(data))
        data[where : where + chance.randrange(20)] = chance.randbytes(chance.randrange(20))
    return bytes(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.5 else data)


def test_no_bytes_and_no_way_to_leave_break_the_server(server: ServerProcess) -> None:
    chance = random.Random(7)
    server.http.get("/")
    before = descriptors(server.process.pid)
    for _ in range(200):
        with server.connect() as client, contextlib.suppress(OSError):
            client.settimeout(0.02)
            client.sendall(torn(chance))
            if chance.random() < 0.5:
                client.recv(1 << 16)
            if chance.random() < 0.2:
                client.shutdown(socket.SHUT_WR)
    until(lambda: descriptors(server.process.pid) <= before)
    assert not any("Traceback" in line for line in server.log)


# --- bodies -----------------------------------------------------------------------------------------------------------


def post(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(post("/api/show", f"Content-Length: {1 << 40}"))
        assert receive_until(client, b"}").startswith(b"HTTP/1.1 413 Request Entity Too Large")


def test_a_client_that_asks_first_is_told_to_go_on(server: ServerProcess) -> None:
    with server.connect() as client:
        client.sendall(post("/api/show", "Content-Length: 18", "Expect: 100-continue"))
        assert receive_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b'{"model":"smollm"}')
        assert receive_until(client, b"}").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("path", "length", "status"), [("/api/show", 1 << 40, b"413"), ("/nope", 9, b"404"), ("/api/tags", 9, b"405")]
)
def test_a_client_that_asks_first_sends_nothing_in_vain(
    server: ServerProcess, path: str, length: int, status: bytes
) -> None:
    with server.connect() as client:
        client.sendall(post(path, f"Content-Length: {length}", "Expect: 100-continue"))
        started = time.monotonic()
        assert receive_all(client).split()[1] == status
        assert time.monotonic() - started < 4  # it does not wait for the body


def test_a_client_that_keeps_sending_still_reads_its_refusal(server: ServerProcess) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as client:
        client.request("POST", "/nope", body=b" " * (8 << 20))
        assert client.getresponse().status == 404


@pytest.mark.parametrize("path", ["/api/blobs/nonsense", "/api/show", "/nope"])
async def test_a_client_that_never_stops_sending_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.2)
    async with scripted_server(tmp_path, "") as server:
        before = descriptors(os.getpid())
        with server.connect() as client, pytest.raises(OSError):
            client.sendall(post(path, f"Content-Length: {1 << 40}"))
            with trio.fail_after(20):
                while True:
                    await trio.to_thread.run_sync(client.sendall, b"x" * (1 << 20))
        with trio.fail_after(20):
            while descriptors(os.getpid()) > before:  # noqa: ASYNC110  # there is no event for it
                await trio.sleep(0.01)


def test_all_bodies_together_have_a_limit(tmp_path: Path) -> None:
    with server_process(tmp_path, OLLAMA_MAX_BODY="1000000", OLLAMA_MAX_BODY_TOTAL="2500000") as server:
        with contextlib.ExitStack() as stack:
            half_sent = [stack.enter_context(server.connect()) for _ in range(3)]
            for client in half_sent:
                client.sendall(post("/api/show", "Content-Length: 1000000") + b" " * 900_000)
            (refused,) = [client for client in half_sent if _answers(client)]
            answer = receive_until(refused, b"}")
            assert (
                answer.startswith(b"HTTP/1.1 503 Service Unavailable") and b"\r\nretry-after: 1\r\n" in answer.lower()
            )
            assert server.http.post("/api/blobs/sha256:" + "0" * 64, content=b" " * 2_000_000).status_code == 400
        until(lambda: server.http.post("/api/show", content=b" " * 1_000_000).status_code == 400)
        for _ in range(5):  # what was counted was given back
            assert server.http.post("/api/show", content=b" " * 1_000_000).status_code == 400


async def test_a_disk_that_hangs_keeps_no_other_request_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(BlobWriter, "write", lambda *_: goes_on.wait())
    async with scripted_server(tmp_path, "") as server:
        with contextlib.ExitStack() as stack:
            stack.callback(goes_on.set)
            for i in range(45):  # more than the threads that requests share
                client = stack.enter_context(server.connect())
                client.sendall(post(f"/api/blobs/sha256:{i:064}", "Content-Length: 9000000") + b" " * 1_100_000)
            with trio.fail_after(20):
                while blobs._disk.statistics().tasks_waiting < 45 - 16:  # noqa: ASYNC110  # there is no event for it
                    await trio.sleep(0.01)
            answer = await trio.to_thread.run_sync(server.http.get, "/api/tags")
            assert answer.status_code == 200


def _answers(client: socket.socket) -> bool:
    client.settimeout(1)
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except TimeoutError:
        return False


# --- what is left of a request ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"nope","prompt":"x"}',
        b'{"model":"base","prompt":"x","template":"{{ .Nope"}',
        b'{"model":"base","prompt":"x","think":5}',
        b'{"model":"base","prompt":"x","raw":true,"stream":false}',
    ],
)
async def test_a_request_is_forgotten_when_it_is_answered(tmp_path: Path, body: bytes) -> None:
    """Without waiting for the garbage collector, which holds up everybody the longer the more there is."""
    script = "for command in inbox:\n    if isinstance(command, wire.Generate): "
    script += "send(wire.Finished(command.id, 'stop', 1, 0, 1, 1, 1))"
    async with scripted_server(tmp_path, script) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        ask = partial(server.http.post, "/api/generate", content=body)
        await trio.to_thread.run_sync(ask)
        gc.collect()
        before = requests_alive()  # a model's task keeps the request that loaded it
        gc.disable()
        try:
            answer = await trio.to_thread.run_sync(ask)
            with trio.fail_after(10):
                while requests_alive() - before:  # noqa: ASYNC110  # the client has its answer before the task ends
                    await trio.sleep(0.01)
        finally:
            gc.enable()
        assert answer.content


def requests_alive() -> set[int]:
    return {id(item) for item in gc.get_objects() if isinstance(item, GenerateRequest | Request)}
