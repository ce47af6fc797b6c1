"""The origin list and the host filter, without a server."""

import pytest

from pyollama.errors import BadOrigin
from pyollama.server import hosts
from pyollama.server.origins import Origins


@pytest.mark.parametrize(
    ("item", "origin", "allowed"),
    [
        ("http://a.example", "http://a.example", True),
        ("http://a.example", "http://a.example:80", False),
        ("https://*.a.example", "https://x.a.example", True),
        ("https://*.a.example", "https://a.example", False),
        ("chrome-extension://*", "chrome-extension://abc", True),
        ("*.example", "http://b.example", True),
        ("http://ab*ba", "http://aba", False),
    ],
)
def test_an_item_matches(item: str, origin: str, allowed: bool) -> None:
    assert Origins.parse([item]).allow(origin) is allowed


@pytest.mark.parametrize("item", ["example.com", "ftp://a", "http://*.*", ""])
def test_an_item_that_is_no_origin_is_refused(item: str) -> None:
    with pytest.raises(BadOrigin):
        Origins.parse([item])


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:1", "a"), ("a", "a"), ("[::1]:1", "::1"), ("[::1]", "::1"), ("::1", "::1"), ("", ""), ("a:b", "a:b")],
)
def test_the_port_is_taken_off(header: str, name: str) -> None:
    assert hosts.hostname(header) == name


@pytest.mark.parametrize(
    ("name", "allowed"), [("0.0.0.0", True), ("::", True), ("fd00::1", True), ("172.32.0.1", False), ("", True)]
)
def test_addresses_of_this_network_are_allowed(name: str, allowed: bool) -> None:
    assert hosts.allowed(name) is allowed


@pytest.mark.parametrize(
    ("address", "loopback"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("x", False)]
)
def test_loopback_addresses_are_known(address: str, loopback: bool) -> None:
    """A065: a server bound to anything else skips the host filter."""
    assert hosts.is_loopback(address) is loopback
