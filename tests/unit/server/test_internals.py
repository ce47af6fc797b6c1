"""The parts of Hypercorn, h11, Quart and quart-trio that we use or override although they are not documented.

A new version that changes one of them fails here first. Then read what changed, mend ``server.http11``,
``server.sockets`` and ``server.connection``, and raise the upper bound in pyproject.toml.
"""

from __future__ import annotations

import hashlib
import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import h11
import pytest
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.utils import parse_socket_addr, wrap_app
from packaging.requirements import Requirement
from quart.asgi import ASGIHTTPConnection
from quart.routing import QuartRule
from quart_trio.asgi import TrioASGIHTTPConnection

# The text of what our classes call, or stand in for.
SOURCES = {
    H11Protocol.__init__: "c7c989fd6a352626",
    H11Protocol.stream_send: "56a36254a368d71a",
    H11Protocol._handle_events: "bd4a76b2837e8722",
    H11Protocol._create_stream: "a2338a57ab343908",
    H11Protocol._send_h11_event: "5e40283daa303ec7",
    H11Protocol._send_error_response: "58c2b47ae295d000",
    H11Protocol._maybe_recycle: "3ac53f52bc4e65de",
    H11Protocol._close_stream: "378930655d7bb41a",
    HTTPStream: "e0f656feb55ab89c",
    TaskGroup: "8467a3a16a7e8763",
    _handle: "06081a56a9930825",
    WorkerContext.__init__: "052341c5f32e0133",
    parse_socket_addr: "d06f08a6dc9ef687",
    wrap_app: "5d4461d441165998",
    ASGIHTTPConnection._create_request_from_scope: "3476af7fd451af28",
    ASGIHTTPConnection._send_response: "2958216ed9d8d2eb",
    TrioASGIHTTPConnection: "6393e71c2a5138be",
    QuartRule.__init__: "60fa5bc0276686c5",
}


def fingerprint(thing: object) -> str:
    return hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:16]  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", SOURCES, ids=lambda thing: f"{thing.__module__}.{thing.__qualname__}")
def test_an_internal_that_we_build_on_is_the_one_we_read(thing: object) -> None:
    assert fingerprint(thing) == SOURCES[thing]  # type: ignore[index]


@pytest.mark.parametrize("name", ["our_state", "their_state", "trailing_data", "they_are_waiting_for_100_continue"])
def test_h11_tells_its_state(name: str) -> None:
    assert hasattr(h11.Connection(h11.SERVER), name)


@pytest.mark.parametrize("name", ["h11", "hypercorn", "quart", "quart-trio"])
def test_versions_that_nobody_has_read_are_not_installed(name: str) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    (bounds,) = [one for one in map(Requirement, project["dependencies"]) if one.name == name]
    assert any(part.operator == "<" for part in bounds.specifier)
    assert version(name) in bounds.specifier
