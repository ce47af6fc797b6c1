"""The sockets that a server listens on, and how many descriptors it may have."""

from __future__ import annotations

import errno
import socket
import sys

from pyollama.config import Address
from pyollama.errors import CannotListen
from pyollama.server.hosts import SocketAddress, resolve

BACKLOG = 1024
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # the system has no such address, or no such kind of address
_ATTEMPTS = 20  # to find one free port on several addresses


def listen(address: Address) -> list[socket.socket]:
    """A listening socket for each address that the host has on this machine, all with the same port.

    Raises:
        CannotListen: in the words a user can look up. No socket is left open.
    """
    try:
        found = resolve(address.host, address.port)
        return _listen_with_one_port(found) if address.port == 0 else _listen_on_all(found, address.port)
    except OSError as error:
        raise CannotListen(address.authority, (error.strerror or str(error)).lower()) from error


def allow_many_files() -> None:
    """Let this process have as many descriptors as the system allows it; the usual limit is for old programs."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # some systems have a lower limit that they do not tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _listen_with_one_port(found: list[tuple[int, SocketAddress]]) -> list[socket.socket]:
    """The system chooses a port on the first address; it may be taken on another one."""
    for _ in range(_ATTEMPTS):
        first = _listen_on_all(found, 0, most=1)
        family = first[0].family
        port = first[0].getsockname()[1]
        try:
            return first + _listen_on_all([one for one in found if one[0] != family], port, least=0)
        except OSError as error:
            first[0].close()
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on all addresses")


def _listen_on_all(
    found: list[tuple[int, SocketAddress]], port: int, *, least: int = 1, most: int = sys.maxsize
) -> list[socket.socket]:
    """A socket for each address that this machine has. OSError: fewer than ``least``, or one is taken."""
    listeners: list[socket.socket] = []
    absent: OSError | None = None
    for family, where in found:
        if len(listeners) == most:
            break
        try:
            listeners.append(_listen_on(family, (where[0], port, *where[2:])))
        except OSError as error:
            if error.errno not in _ABSENT:
                for listener in listeners:
                    listener.close()
                raise
            absent = error
    if len(listeners) < least:
        raise absent or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    return listeners


def _listen_on(family: int, where: SocketAddress) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
