"""Which pages and which Host headers get an answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import SERVE, ServerProcess, server_process

CORS = "access-control-allow-origin"


def test_a048_no_origin_no_cors_headers(server: ServerProcess) -> None:
    assert CORS not in server.http.get("/").headers


def test_a049_the_same_origin_passes_without_cors_headers(server: ServerProcess) -> None:
    answer = server.http.get("/", headers={"Origin": server.url})
    assert answer.status_code == 200 and CORS not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:3000",
        "https://127.0.0.1",
        "http://0.0.0.0:8080",
        *("app://x", "file://x", "tauri://x", "vscode-webview://x", "vscode-file://x"),
    ],
    ids=["A050", "A051", "A052", "A053-app", "A053-file", "A053-tauri", "A053-webview", "A053-vscode"],
)
def test_local_pages_are_allowed(server: ServerProcess, origin: str) -> None:
    answer = server.http.get("/api/tags", headers={"Origin": origin})
    assert (answer.status_code, answer.headers[CORS], answer.headers["vary"]) == (200, origin, "Origin")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("OPTIONS", "/api/chat"), ("GET", "/nope")], ids=["A054", "A054-options", "A059"]
)
def test_foreign_pages_are_refused(server: ServerProcess, method: str, path: str) -> None:
    answer = server.http.request(method, path, headers={"Origin": "http://example.com"})
    assert (answer.status_code, answer.content) == (403, b"")


def test_errors_carry_the_headers_too(server: ServerProcess) -> None:
    answer = server.http.get("/nope", headers={"Origin": "http://localhost:3000"})
    assert (answer.status_code, answer.headers[CORS]) == (404, "http://localhost:3000")


def test_a055_extensions_are_refused_by_default(server: ServerProcess) -> None:
    assert server.http.get("/", headers={"Origin": "chrome-extension://abc"}).status_code == 403


def test_a057_a058_a_preflight_is_answered(server: ServerProcess) -> None:
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    answer = server.http.options("/api/chat", headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
    assert {"Authorization", "X-Stainless-Os"} <= set(answer.headers["access-control-allow-headers"].split(","))
    assert answer.headers["access-control-max-age"] == "43200"
    assert answer.headers[CORS] == "http://localhost:3000"
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["allow"] == "POST"
    assert "allow" not in server.http.options("/nope", headers=asked).headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:99", 200),
        ("[::1]:11434", 200),
        ("a.localhost", 200),
        ("a.local:1", 200),
        ("a.internal", 200),
        ("192.168.1.7", 200),
        ("10.1.2.3", 200),
        ("evil.example", 403),
        ("evil.example:11434", 403),
        ("8.8.8.8", 403),
        ("localhost.evil.example", 403),
    ],
)
def test_a061_a064_a_loopback_server_knows_its_names(server: ServerProcess, host: str, status: int) -> None:
    answer = server.http.get("/", headers={"Host": host})
    assert answer.status_code == status
    assert answer.content == (b"Ollama is running" if status == 200 else b"")


def test_a066_options_without_origin_is_answered_for_a_name(server: ServerProcess) -> None:
    answer = server.http.options("/api/version", headers={"Host": "localhost"})
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", "HEAD, GET")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, b"403"),
        ({"Host": "evil.example"}, b"403"),
        ({"Origin": "http://localhost:1"}, b"200"),
    ],
)
def test_a_request_for_a_websocket_passes_the_same_filters(
    server: ServerProcess, headers: dict[str, str], status: bytes
) -> None:
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    lines = [f"{name}: {value}" for name, value in ({"Host": "localhost"} | upgrade | key | headers).items()]
    with server.connect() as client:
        client.sendall("\r\n".join(["GET / HTTP/1.1", *lines, "", ""]).encode())
        assert client.recv(1 << 16).split()[1] == status


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with server_process(tmp_path_factory.mktemp("models"), OLLAMA_ORIGINS="*,chrome-extension://*") as running:
        yield running


def test_a056_a_star_allows_everyone(open_server: ServerProcess) -> None:
    answer = open_server.http.get("/", headers={"Origin": "http://example.com"})
    assert (answer.status_code, answer.headers[CORS]) == (200, "*")
    assert "vary" not in answer.headers


@pytest.mark.parametrize("origin", ["example.com", "http://*.a.*", "ftp://a"])
def test_a060_a_bad_item_stops_the_start(tmp_path: Path, origin: str) -> None:
    env = {"OLLAMA_ORIGINS": origin, "OLLAMA_HOST": "127.0.0.1:0", "OLLAMA_MODELS": str(tmp_path)}
    done = subprocess.run([sys.executable, "-P", "-c", SERVE], env=env, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode != 0
    assert f'bad origin "{origin}"' in done.stderr
