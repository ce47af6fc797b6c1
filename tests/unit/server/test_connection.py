"""What a request knows of its client."""

from __future__ import annotations

import pytest
from werkzeug.datastructures import Headers

from pyollama.server.connection import Request


def request(client: tuple[str, int] | None, **headers: str) -> Request:
    scope = {"client": client, "state": {}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    values = ("POST", "http", "/api/create", b"", Headers(named), "", "1.1", scope)
    return Request(*values, send_push_promise=lambda *_: None)


@pytest.mark.parametrize("client", [None, ("127.0.0.1", 1), ("127.9.9.9", 1), ("::1", 1), ("::ffff:127.0.0.1", 1)])
def test_a440_a_client_on_this_machine_is_local(client: tuple[str, int] | None) -> None:
    """None: a Unix socket."""
    assert request(client).is_local


@pytest.mark.parametrize("client", [("192.168.0.2", 1), ("fe80::1%eth0", 1), ("::ffff:10.0.0.1", 1), ("0.0.0.0", 1)])
def test_a440_a_client_on_another_machine_is_not(client: tuple[str, int]) -> None:
    assert not request(client).is_local


@pytest.mark.parametrize("name", ["Forwarded", "X_Forwarded_For", "x_real_ip"])
def test_a440_what_a_proxy_sends_on_is_not_local(name: str) -> None:
    assert not request(("127.0.0.1", 1), **{name: "127.0.0.1"}).is_local
    assert not request(None, **{name: ""}).is_local
