"""How requests go out and answers come in, against sockets that behave badly on purpose."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pyollama.cli.client import Client
from pyollama.config import Address
from pyollama.errors import ApiError, CommandFailed, ServerUnreachable

Answer = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


@contextmanager
def server(answer: Answer, family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """The port of a server that handles one connection."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.create_server((host, 0), family=family) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            connection.settimeout(30)
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def head(connection: socket.socket) -> list[str]:
    """The lines of a request's head."""
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
        received += more
    return received.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def recorder(heads: list[list[str]], answer: bytes = OK) -> Answer:
    def record(connection: socket.socket) -> None:
        heads.append(head(connection))
        connection.sendall(answer)

    return record


def test_a_record_is_there_as_soon_as_its_line_is() -> None:
    seen = threading.Event()

    def answer(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(CHUNKED + chunk(b'{"n":1}\n{"n"'))
        assert seen.wait(30)
        connection.sendall(chunk(b":2}\n\n") + chunk(b'{"n":3}') + b"0\r\n\r\n")

    with server(answer) as port:
        records = Client(Address(port=port)).stream("/api/pull", {})
        assert next(records) == {"n": 1}
        seen.set()
        assert list(records) == [{"n": 2}, {"n": 3}]


def test_leaving_a_stream_closes_its_connection() -> None:
    closed = threading.Event()

    def answer(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(CHUNKED + chunk(b'{"n":1}\n'))
        while connection.recv(65536):
            pass
        closed.set()

    with server(answer) as port:
        records = Client(Address(port=port)).stream("/api/pull", {})
        next(records)
        records.close()  # type: ignore[attr-defined]  # a generator
    assert closed.is_set()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        CHUNKED,
        b"not HTTP at all\r\n\r\n",
        CHUNKED + chunk(b"{}\n"),
        CHUNKED + b"20\r\n{",
        CHUNKED + b"x\r\n{}\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}\n",
    ],
    ids=range(7),
)
def test_an_answer_that_breaks_off_is_an_error(answer: bytes) -> None:
    with (
        server(recorder([], answer)) as port,
        pytest.raises(CommandFailed, match=r"^the server closed the connection: "),
    ):
        list(Client(Address(port=port)).stream("/api/pull", {}))


def test_a_server_may_refuse_a_body_before_all_of_it_is_sent() -> None:
    def answer(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b'HTTP/1.1 413 X\r\nContent-Length: 21\r\n\r\n{"error":"too large"}')
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    def chunks() -> Iterator[bytes]:
        yield b"x" * 1000
        yield b"x" * 1000

    with server(answer) as port, pytest.raises(ApiError, match=r"^too large$") as caught:
        Client(Address(port=port)).upload("sha256:0", chunks(), 2000)
    assert caught.value.status == 413


def test_a_status_without_words_gets_the_usual_ones() -> None:
    answer = b'HTTP/1.1 404 \r\nContent-Length: 16\r\n\r\n{"error":"gone"}'
    with server(recorder([], answer)) as port, pytest.raises(ApiError, match=r"^404 Not Found: gone$"):
        list(Client(Address(port=port)).stream("/api/pull", {}))


def test_a_path_in_the_address_goes_in_front() -> None:
    heads: list[list[str]] = []
    with server(recorder(heads)) as port:
        Client(Address.parse(f"http://127.0.0.1:{port}/behind/")).version()
    assert heads[0][0] == "GET /behind/api/version HTTP/1.1"
    assert f"Host: 127.0.0.1:{port}" in heads[0]


def test_an_ipv6_address_is_written_in_brackets() -> None:
    heads: list[list[str]] = []
    with server(recorder(heads), socket.AF_INET6) as port:
        Client(Address(host="::1", port=port)).version()
    assert f"Host: [::1]:{port}" in heads[0]


def test_nothing_that_listens_is_an_error_of_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ServerUnreachable):
        Client(Address(port=port)).version()


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_a_proxy_gets_whole_urls(proxies: pytest.MonkeyPatch) -> None:
    heads: list[list[str]] = []
    with server(recorder(heads)) as port:
        proxies.setenv("http_proxy", f"http://me:p%40ss@127.0.0.1:{port}")
        Client(Address.parse("http://models.invalid:99/x")).version()
    assert heads[0][0] == "GET http://models.invalid:99/x/api/version HTTP/1.1"
    assert "Host: models.invalid:99" in heads[0]
    assert "Proxy-Authorization: Basic " + b64encode(b"me:p@ss").decode() in heads[0]


def test_nobody_else_hears_of_the_zone_of_an_address(proxies: pytest.MonkeyPatch) -> None:
    heads: list[list[str]] = []
    with server(recorder(heads)) as port:
        proxies.setenv("http_proxy", f"127.0.0.1:{port}")
        Client(Address.parse("http://[fe80::1%25eth0]:99")).version()
    assert heads[0][0] == "GET http://[fe80::1]:99/api/version HTTP/1.1"
    assert "Host: [fe80::1]:99" in heads[0]


def test_a_proxy_tunnels_tls(proxies: pytest.MonkeyPatch) -> None:
    heads: list[list[str]] = []
    with server(recorder(heads, b"HTTP/1.1 403 Forbidden by the proxy\r\n\r\n")) as port:
        proxies.setenv("HTTPS_PROXY", f"me:pw@127.0.0.1:{port}")
        with pytest.raises(CommandFailed, match="403 Forbidden by the proxy"):
            Client(Address.parse("https://models.invalid")).version()
    assert heads[0][0].startswith("CONNECT models.invalid:443 HTTP/1.")
    assert "Proxy-Authorization: Basic " + b64encode(b"me:pw").decode() in heads[0]


def test_this_machine_is_asked_without_a_proxy(proxies: pytest.MonkeyPatch) -> None:
    heads: list[list[str]] = []
    proxies.setenv("http_proxy", "http://127.0.0.1:1")
    with server(recorder(heads)) as port:
        Client(Address(port=port)).version()
    assert heads[0][0] == "GET /api/version HTTP/1.1"


def test_no_proxy_is_heeded(proxies: pytest.MonkeyPatch) -> None:
    proxies.setenv("http_proxy", "http://127.0.0.1:1")
    proxies.setenv("no_proxy", "models.invalid")
    with pytest.raises(CommandFailed) as caught:  # the name is looked up here, and not found
        Client(Address.parse("http://models.invalid")).version()
    assert not isinstance(caught.value, ServerUnreachable)


def test_a_proxy_of_another_kind_is_refused_by_name(proxies: pytest.MonkeyPatch) -> None:
    proxies.setenv("all_proxy", "socks5://box:1080")
    with pytest.raises(CommandFailed, match=r"^proxy socks5://box: only http:// proxies are supported$"):
        Client(Address.parse("http://models.invalid"))
