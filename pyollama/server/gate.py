"""What stands before routing: the origin filter, then the host filter, then clean paths. Covers unknown paths too."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from pyollama.server import answers, hosts
from pyollama.server.origins import Headers, Origins, same_origin


class Gate:
    """An ASGI application in front of another one."""

    def __init__(self, app: Any, origins: Origins, *, loopback: bool, allowed: Callable[[str], str]) -> None:
        """What may be asked of ``app``.

        Args:
            loopback: the server listens on a loopback address, so foreign Host headers are refused.
            allowed: the methods of a path for the header Allow, empty for a path that is not known.
        """
        self._app = app
        self._allowed = allowed
        self._origins = origins
        self._loopback = loopback

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":  # there is no other kind (server.http11)
            return
        host, origin = _header(scope, b"host"), _header(scope, b"origin")
        added: Headers = []
        if origin and not same_origin(origin, host):
            if not self._origins.allow(origin):
                await _answer(send, 403, [])
                return
            if scope["method"] == "OPTIONS":
                await _answer(send, 204, self._origins.preflight(origin) + self._allow(scope))
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
                await _answer(send, 204, self._allow(scope))
                return
        if (clean := _clean(scope["raw_path"])) != scope["raw_path"]:
            await _redirect(scope, send, clean)
        else:
            await self._app(scope, receive, send)

    def _allow(self, scope: Any) -> Headers:
        methods = self._allowed(scope["path"])
        return [(b"allow", methods.encode())] if methods else []


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


def _clean(path: bytes) -> bytes:
    """The path without empty parts and dots; a last slash stays."""
    if b"//" not in path and b"/." not in path:
        return path
    clean = posixpath.normpath(b"/" + path.lstrip(b"/"))
    return clean + b"/" if path.endswith(b"/") and clean != b"/" else clean


async def _redirect(scope: Any, send: Any, path: bytes) -> None:
    status = HTTPStatus.TEMPORARY_REDIRECT
    where = path + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers: Headers = [(b"location", where)]
    body = b""
    if scope["method"] == "GET":
        body = answers.link(where.decode(), status).encode()
        headers.append((b"content-type", answers.HTML.encode()))
    await _answer(send, status, headers, body)


async def _answer(send: Any, status: int, headers: Headers, body: bytes = b"") -> None:
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
