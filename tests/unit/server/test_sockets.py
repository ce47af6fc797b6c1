"""How long a connection may be silent, by a clock that jumps."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from hypercorn.config import Config
from trio.testing import MockClock

from pyollama.server import sockets
from pyollama.server.sockets import serve_connections

SECONDS = 300.0
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"


async def reads_the_body(_: Any, receive: Any, send: Any) -> None:
    """An ASGI application that answers when it has the body."""
    while (message := await receive())["type"] == "http.request":
        if not message["more_body"]:
            await trio.sleep(2 * SECONDS)  # an answer may take as long as it wants
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def client() -> AsyncIterator[trio.SocketStream]:
    """A connection to a server that runs on the test's own clock."""
    config = Config()
    config.keep_alive_timeout = SECONDS
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_connections, reads_the_body, config, [listener], trio.Event())
        async with await trio.open_tcp_stream(*listener.socket.getsockname()) as stream:
            yield stream
        nursery.cancel_scope.cancel()


async def seconds_until_closed(stream: trio.SocketStream) -> float:
    started = trio.current_time()
    assert await stream.receive_some() == b""
    return trio.current_time() - started


async def test_a_silent_connection_is_closed(autojump_clock: MockClock) -> None:
    async with client() as stream:
        assert await seconds_until_closed(stream) == pytest.approx(SECONDS, abs=1)


async def test_a_request_that_only_trickles_in_is_closed(autojump_clock: MockClock) -> None:
    async with client() as stream, trio.open_nursery() as nursery:

        async def trickle() -> None:
            for byte in HEAD:
                await stream.send_all(bytes([byte]))
                await trio.sleep(SECONDS / 10)

        nursery.start_soon(trickle)
        assert await seconds_until_closed(stream) == pytest.approx(SECONDS, abs=1)
        nursery.cancel_scope.cancel()


async def test_a_body_may_be_slow_but_not_stand_still(autojump_clock: MockClock) -> None:
    async with client() as stream:
        await stream.send_all(HEAD)
        for _ in range(9):
            await stream.send_all(b"x")
            await trio.sleep(SECONDS - 1)
        assert await seconds_until_closed(stream) == pytest.approx(1, abs=1)


async def test_an_answer_may_take_long(autojump_clock: MockClock) -> None:
    async with client() as stream:
        for _ in range(2):
            await stream.send_all(HEAD + b"x" * 10)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")
        assert await seconds_until_closed(stream) == pytest.approx(SECONDS, abs=1)


async def test_time_does_not_count_while_a_next_request_waits(autojump_clock: MockClock) -> None:
    async with client() as stream:
        await stream.send_all((HEAD + b"x" * 10) * 3)
        started, got = trio.current_time(), b""
        while got.count(b"HTTP/1.1 200 OK") < 3:
            got += await stream.receive_some()
        assert trio.current_time() - started == pytest.approx(3 * 2 * SECONDS, abs=1)


async def test_a_client_that_is_gone_before_it_is_accepted_ends_only_its_connection(autojump_clock: MockClock) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with socket.create_connection(listener.socket.getsockname()) as early:
        early.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is a reset

    async with trio.open_nursery() as nursery:
        await nursery.start(serve_connections, reads_the_body, Config(), [listener], trio.Event())
        async with await trio.open_tcp_stream(*listener.socket.getsockname()) as stream:
            await stream.send_all(HEAD + b"x" * 10)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")
        nursery.cancel_scope.cancel()


async def test_all_listeners_go_on_when_there_is_room_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_most_connections", lambda: 1)
    listeners = [(await trio.open_tcp_listeners(0, host="127.0.0.1"))[0] for _ in range(2)]
    addresses = [listener.socket.getsockname() for listener in listeners]
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_connections, reads_the_body, Config(), listeners, trio.Event())
        early = []
        for address in (addresses[0], addresses[0], addresses[1]):  # then both listeners wait
            early.append(await trio.open_tcp_stream(*address))
            await early[-1].send_all(HEAD)
            await trio.sleep(1)
        for stream in early:
            await stream.aclose()

        with trio.fail_after(5 * SECONDS):
            for address in addresses:
                async with await trio.open_tcp_stream(*address) as stream:
                    await stream.send_all(HEAD + b"x" * 10)
                    assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 OK")
        nursery.cancel_scope.cancel()
