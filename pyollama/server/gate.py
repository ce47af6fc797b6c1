"""What stands before routing: the origin filter, then the host filter. Covers unknown paths too."""

from __future__ import annotations

from typing import Any

from pyollama.server import hosts
from pyollama.server.origins import Headers, Origins, same_origin

_EMPTY: Headers = [(b"content-length", b"0")]


class Gate:
    """An ASGI application in front of another one."""

    def __init__(self, app: Any, origins: Origins, *, loopback: bool) -> None:
        """``loopback``: the server listens on a loopback address, so foreign Host headers are refused."""
        self._app = app
        self._origins = origins
        self._loopback = loopback

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host, origin = _header(scope, b"host"), _header(scope, b"origin")
        added: Headers = []
        if origin and not same_origin(origin, host):
            if not self._origins.allow(origin):
                await _answer(send, 403, [])
                return
            if scope["method"] == "OPTIONS":
                await _answer(send, 204, self._origins.preflight(origin))
                return
            added = self._origins.headers(origin)
        await self._behind_origin(scope, receive, _adding(send, added) if added else send, host)

    async def _behind_origin(self, scope: Any, receive: Any, send: Any, host: str) -> None:
        if self._loopback:
            name = hosts.hostname(host)
            if not hosts.allowed(name):
                await _answer(send, 403, [])
                return
            if scope["method"] == "OPTIONS" and not hosts.is_ip(name):
                await _answer(send, 204, [])
                return
        await self._app(scope, receive, send)


def _header(scope: Any, name: bytes) -> str:
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def _adding(send: Any, headers: Headers) -> Any:
    async def with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return with_headers


async def _answer(send: Any, status: int, headers: Headers) -> None:
    length = [] if status == 204 else _EMPTY
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
