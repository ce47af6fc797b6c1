"""Which Host headers a server on the loopback address answers.

A page that rebinds its own name to 127.0.0.1 still sends that name, so names from outside are refused.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import Any

_PRIVATE = tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
SocketAddress = tuple[Any, ...]

_SUFFIXES = (".localhost", ".local", ".internal")


def is_loopback(address: str) -> bool:
    """Whether a server bound to ``address``, an IP literal or a name, is reached from this machine only."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost" or _has_loopback_addresses_only(address)


def _has_loopback_addresses_only(name: str) -> bool:
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return all(ipaddress.ip_address(address).is_loopback for address in found)


def resolve(host: str, port: int) -> list[tuple[int, SocketAddress]]:
    """Family and socket address of each address that a literal, with or without a zone, or a name has. OSError."""
    bare, _, zone = host.partition("%")
    infos = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    found: list[tuple[int, SocketAddress]] = [(family, where) for family, _, _, _, where in infos]
    if not zone:
        return found
    # The C library takes a zone of link-local addresses only.
    number = int(zone) if zone.isascii() and zone.isdigit() else socket.if_nametoindex(zone)
    return [(family, (*where[:3], number)) for family, where in found if family == socket.AF_INET6]


def hostname(header: str) -> str:
    """The Host header without its port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0].replace("%25", "%")  # a zone, as URLs write it
    name, colon, port = header.rpartition(":")
    return name if colon and port.isdigit() and ":" not in name else header


def is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def allowed(name: str) -> bool:
    """Whether a loopback server answers requests for this host name or address."""
    if is_ip(name):
        address = ipaddress.ip_address(name)
        return address.is_loopback or address.is_unspecified or _is_private(address) or _is_ours(address)
    folded = name.lower()
    return folded in ("", "localhost", socket.gethostname().lower()) or folded.endswith(_SUFFIXES)


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in _PRIVATE if network.version == address.version)


def _is_ours(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an interface has the address: only then can a socket be bound to it."""
    try:
        family, where = resolve(str(address), 0)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(where)
    except OSError:
        return False
    return True
