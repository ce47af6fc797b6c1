"""What curl sends, byte for byte: form content type, ``Expect: 100-continue``, HTTP/1.0."""

from __future__ import annotations

import json

import pytest
from support.servers import ServerProcess


def talk(server: ServerProcess, head: str, body: bytes = b"") -> bytes:
    """Send one request and read until the server closes."""
    with server.connect() as client:
        client.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stream_to_a_form_request(server: ServerProcess, version: str) -> None:
    body = json.dumps({"model": "smollm", "prompt": "Hi", "options": {"num_predict": 3}}).encode()
    answer = talk(
        server,
        f"POST /api/generate HTTP/{version}\nHost: localhost:11434\nUser-Agent: curl/8.0\nAccept: */*\n"
        f"Connection: close\nContent-Type: application/x-www-form-urlencoded\nContent-Length: {len(body)}\n",
        body,
    )
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"application/x-ndjson" in head
    assert (b"Transfer-Encoding: chunked" in head) == (version == "1.1")
    assert b'"done":true' in rest


def test_a_body_that_waits_for_a_go(server: ServerProcess) -> None:
    body = b'{"model":"smollm"}'
    with server.connect() as client:
        head = f"POST /api/show HTTP/1.1\r\nHost: x.local\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
        client.sendall(f"{head}Connection: close\r\n\r\n".encode())
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        assert b"modelfile" in b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_what_is_no_http_gets_an_error_and_an_end(server: ServerProcess) -> None:
    assert talk(server, "NONSENSE\n").startswith(b"HTTP/1.1 400")
    assert server.http.get("/").status_code == 200
