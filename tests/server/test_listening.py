"""Addresses that a server listens on, and how it ends when something hangs."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.servers import server_process

from pyollama.config import Address
from pyollama.errors import CannotListen
from pyollama.server import hosts
from pyollama.server.listening import listen


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")


def addresses(host: str, port: int = 0) -> tuple[set[str], set[int]]:
    listeners = listen(Address(host=host, port=port))
    try:
        names = [listener.getsockname() for listener in listeners]
        return {name[0] for name in names}, {name[1] for name in names}
    finally:
        for listener in listeners:
            listener.close()


@ipv6
def test_a_name_is_listened_on_at_all_its_addresses_with_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = socket.getaddrinfo("127.0.0.1", 0, type=socket.SOCK_STREAM) + socket.getaddrinfo(
        "::1", 0, type=socket.SOCK_STREAM
    )
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)  # what the system has for the name varies
    found, ports = addresses("localhost")
    assert found == {"127.0.0.1", "::1"} and len(ports) == 1
    assert addresses("localhost", next(iter(ports))) == (found, ports)


def test_an_address_that_the_machine_lacks_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = socket.getaddrinfo("192.0.2.1", 0, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    with pytest.raises(CannotListen, match="assign"):
        addresses("a.example")
    infos += [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
    assert addresses("a.example")[0] == {"127.0.0.1"}


@ipv6
def test_a_taken_port_on_one_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        infos = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)), (socket.AF_INET6, 1, 6, "", ("::1", 0, 0, 0))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
        with pytest.raises(CannotListen, match="in use"):
            listen(Address(host="localhost", port=taken.getsockname()[1]))


@ipv6
@pytest.mark.parametrize("text", ["[::1%lo]:0", "[::1%25lo]:0"])
def test_a_zone_is_understood(text: str) -> None:
    address = Address.parse(text)
    assert address.host == "::1%lo"
    assert hosts.is_loopback(address.host)
    assert addresses(address.host)[0] == {"::1"}
    assert hosts.allowed(hosts.hostname("[::1%lo]:1")) and hosts.allowed(hosts.hostname("[::1%25lo]"))


def test_a_zone_that_is_none_is_refused() -> None:
    assert not hosts.allowed("2001:db8::1%nope")
    with pytest.raises(CannotListen):
        listen(Address(host="fe80::1%nope", port=0))


def test_a_name_is_loopback_if_all_its_addresses_are(monkeypatch: pytest.MonkeyPatch) -> None:
    infos = [(socket.AF_INET, 1, 6, "", ("127.0.0.2", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
    assert hosts.is_loopback("my.example")
    infos.append((socket.AF_INET, 1, 6, "", ("192.0.2.1", 0)))
    assert not hosts.is_loopback("my.example")


HANGS = """
import os, threading, trio
from pyollama.config import Settings
from pyollama.server import main
main.STUCK_SECONDS = 0.5
async def hang(*_args, **_kwargs):
    await trio.to_thread.run_sync(threading.Event().wait)
main.serve_connections_first = main.serve_connections
async def serve(*args, task_status=trio.TASK_STATUS_IGNORED):
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hang)
        await main.serve_connections_first(*args, task_status=task_status)
main.serve_connections = serve
main.serve(Settings.from_env(os.environ))
"""


def test_a_signal_ends_a_server_with_a_thread_that_hangs(tmp_path: Path) -> None:
    env = os.environ | {"OLLAMA_HOST": "127.0.0.1:0", "OLLAMA_MODELS": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-P", "-c", HANGS], env=env, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        port = next(found[1] for line in server.stderr if (found := re.search(r"Listening on 127.0.0.1:(\d+)", line)))
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 1
        assert "the server ends without it" in server.stderr.read()


def test_the_server_may_have_all_the_descriptors_that_the_system_allows(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
    try:
        with server_process(tmp_path) as server:
            assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
