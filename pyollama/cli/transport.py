"""HTTP for the command line: one connection per request, by the standard library, which starts in a third of the time.

Safe for use by several threads at once, because no connection is shared.
"""

from __future__ import annotations

import http.client
import ipaddress
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import SplitResult, unquote, urlsplit

from pyollama.errors import CommandFailed, ServerUnreachable

CONNECT_SECONDS = 5.0
_AT_ONCE = 1 << 16
Body = bytes | Iterable[bytes] | None


class Answer:
    """An answer whose body is still to be read, once: whole by ``read``, or by ``lines``."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status

    @property
    def reason(self) -> str:
        """The status in words, the standard ones if the server sent none; may be empty."""
        return self._response.reason or http.client.responses.get(self.status, "")

    def read(self) -> bytes:
        with _translated():
            return self._response.read()

    def lines(self) -> Iterator[bytes]:
        """The lines of the body as they arrive, without their ends; empty ones are left out."""
        rest = bytearray()
        with _translated():
            while piece := self._response.read1(_AT_ONCE):  # what is there; unlike a line it never hides a breach
                rest += piece
                if b"\n" in piece:
                    *lines, rest = rest.split(b"\n")
                    yield from map(bytes, filter(None, lines))
            if self._response.length:
                raise http.client.IncompleteRead(b"", self._response.length)
        if rest:
            yield bytes(rest)


class Transport:
    """Sends requests to one server, by way of the environment's proxies unless it is this machine.

    Args:
        base_url: of http or https; its path goes in front of every other.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._url = urlsplit(base_url)
        self._host, self._port = _place(self._url)
        self._proxy = _proxy_of(self._url.scheme, self._host)
        self._headers = {**headers, "Host": self._url.netloc.replace(_zone(self._host), "")}

    @contextmanager
    def send(
        self, method: str, path: str, body: Body = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """The answer to one request. Its connection is closed when the block ends, so that the server stops.

        Raises:
            ServerUnreachable: nothing listens there.
            CommandFailed: any other failure, in the words of the system.
        """
        target = self._url.path.rstrip("/") + path
        given = {**self._headers, **(headers or {})}
        if self._proxy and self._url.scheme == "http":
            target = f"http://{self._headers['Host']}{target}"
            given |= _authorization(self._proxy)
        with _translated():
            connection = self._connected()
        try:
            with _translated():
                response = _asked(connection, method, target, body, given)
            with response:
                yield Answer(response)
        finally:
            connection.close()

    def _connected(self) -> http.client.HTTPConnection:
        if self._proxy is None:
            connection = _connection(self._url.scheme, self._host, self._port)
        else:
            connection = _connection(self._url.scheme, *_place(self._proxy))
            if self._url.scheme == "https":
                connection.set_tunnel(self._host, self._port, _authorization(self._proxy))
        connection.connect()
        connection.sock.settimeout(None)  # loading a model may take minutes
        return connection


def _asked(
    connection: http.client.HTTPConnection, method: str, target: str, body: Body, headers: Mapping[str, str]
) -> http.client.HTTPResponse:
    with suppress(BrokenPipeError, ConnectionResetError):  # who refuses a body may answer before all of it is sent
        connection.request(method, target, body, headers)
    return connection.getresponse()


def _connection(scheme: str, host: str, port: int) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS)
    return http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)


def _place(url: SplitResult) -> tuple[str, int]:
    """Host and port. CommandFailed."""
    try:
        return url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    except ValueError as error:
        raise CommandFailed(f"{url.geturl()}: {error}") from error


def _zone(host: str) -> str:
    """The interface of an address, ``%eth0``, which means nothing to the other side."""
    name, percent, interface = host.partition("%")
    return percent + interface if ":" in name else ""


def _proxy_of(scheme: str, host: str) -> SplitResult | None:
    """The proxy towards a host. CommandFailed: it is of a kind we do not speak."""
    if _is_loopback(host):
        return None
    from urllib.request import getproxies, proxy_bypass  # only here: 10 ms

    proxies = getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or proxy_bypass(host):
        return None
    proxy = urlsplit(address if "://" in address else f"http://{address}")
    if proxy.scheme != "http":
        raise CommandFailed(f"proxy {proxy.scheme}://{proxy.hostname}: only http:// proxies are supported")
    return proxy


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + b64encode(pair.encode()).decode()}


@contextmanager
def _translated() -> Iterator[None]:
    """Say what the network did in one sentence."""
    try:
        yield
    except ConnectionRefusedError as error:
        raise ServerUnreachable from error
    except (http.client.HTTPException, ConnectionError) as error:
        raise CommandFailed(f"the server closed the connection: {error}") from error
    except (OSError, UnicodeError) as error:
        raise CommandFailed(str(error) or type(error).__name__) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
