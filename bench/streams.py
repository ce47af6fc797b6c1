"""A client that costs next to nothing: raw sockets, one thread for all streams, no parsing until the end."""

from __future__ import annotations

import json
import selectors
import socket
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Stream:
    """One streamed answer, as bytes with their arrival times (seconds, monotonic)."""

    started: float
    first: float = 0.0
    last: float = 0.0
    body: bytearray = field(default_factory=bytearray)

    @property
    def first_token_seconds(self) -> float:
        return self.first - self.started

    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects of the body, whichever of NDJSON and server-sent events it is."""
        text = _unchunk(bytes(self.body))
        found = [line.removeprefix(b"data: ") for line in text.split(b"\n") if b"{" in line]
        return [json.loads(line) for line in found]


def _unchunk(raw: bytes) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"chunked" not in head.lower():
        return body
    out = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        n = int(size, 16)
        out += body[:n]
        body = body[n + 2 :]
    return bytes(out)


def run(host: str, port: int, path: str, requests: list[dict[str, Any]]) -> list[Stream]:
    """Post every request at once and read all answers to their ends."""
    selector = selectors.DefaultSelector()
    streams = []
    for request in requests:
        body = json.dumps(request).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        sock = socket.create_connection((host, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = Stream(started=time.perf_counter())
        sock.sendall(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        selector.register(sock, selectors.EVENT_READ, stream)
        streams.append(stream)
    while selector.get_map():
        for key, _ in selector.select(timeout=300) or _timed_out():
            _read(selector, key)
    return streams


def _timed_out() -> list[Any]:
    raise TimeoutError("no stream said anything for 300 s")


def _read(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    stream: Stream = key.data
    sock: Any = key.fileobj
    data = sock.recv(1 << 16)
    now = time.perf_counter()
    # The header comes alone or with the first token; a stream's first byte of body is its first token.
    if data:
        stream.body += data
        stream.last = now
        if not stream.first and stream.body.partition(b"\r\n\r\n")[2]:
            stream.first = now
    if not data or stream.body.endswith(b"\r\n0\r\n\r\n"):
        selector.unregister(sock)
        sock.close()
