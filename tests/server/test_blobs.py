"""Uploading blobs."""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.servers import ServerProcess, refusal, server_process


@pytest.fixture
def content() -> bytes:
    return secrets.token_bytes(3 << 20)


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_a263_a265_a266_first_stored_then_known(server: ServerProcess, content: bytes) -> None:
    path = f"/api/blobs/{digest_of(content)}"
    assert server.http.head(path).status_code == 404
    first, second = (server.http.post(path, content=content) for _ in range(2))
    assert [(answer.status_code, answer.content) for answer in (first, second)] == [(201, b""), (200, b"")]
    assert server.http.head(path).status_code == 200
    assert server.http.post(path).status_code == 200  # the body is not needed any more


@pytest.mark.parametrize("digest", ["sha256:12", "md5:" + "0" * 64, "x", "sha256:" + "g" * 64])
def test_a264_a268_malformed_digests(server: ServerProcess, digest: str) -> None:
    assert server.http.head(f"/api/blobs/{digest}").status_code == 400
    assert refusal(server.http.post(f"/api/blobs/{digest}", content=b"x")) == (400, "invalid digest format")


@pytest.mark.parametrize("path", ["a/b", "..%2f..%2fetc", ""])
def test_a_digest_is_one_part_of_the_path(server: ServerProcess, path: str) -> None:
    answer = server.http.post(f"/api/blobs/{path}", content=b"x")
    assert (answer.status_code, answer.text) == (404, "404 page not found")


def test_a267_another_content_is_refused_and_not_kept(server: ServerProcess, content: bytes) -> None:
    asked, actual = digest_of(b"something else"), digest_of(content)
    answer = server.http.post(f"/api/blobs/{asked}", content=content)
    assert refusal(answer) == (400, f'digest mismatch, expected "{asked}", got "{actual}"')
    assert [server.http.head(f"/api/blobs/{digest}").status_code for digest in (asked, actual)] == [404, 404]


def test_a269_the_form_of_file_names_is_accepted(server: ServerProcess, content: bytes) -> None:
    dashed = digest_of(content).replace(":", "-")
    assert server.http.post(f"/api/blobs/{dashed}", content=content).status_code == 201
    assert server.http.head(f"/api/blobs/{digest_of(content).upper().replace('SHA', 'sha')}").status_code == 200


def test_a270_chunked_uploads_work(server: ServerProcess, content: bytes) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]

    assert server.http.post(f"/api/blobs/{digest_of(content)}", content=pieces()).status_code == 201


def test_an_empty_blob_is_one(server: ServerProcess) -> None:
    assert server.http.post(f"/api/blobs/{digest_of(b'')}", content=b"").status_code in (200, 201)


def test_an_upload_larger_than_any_body_takes_little_memory(tmp_path: Path) -> None:
    block = secrets.token_bytes(1 << 20)
    count, digest = 200, hashlib.sha256()
    for i in range(count):
        digest.update(struct.pack(">I", i) + block)

    def pieces() -> Iterator[bytes]:
        for i in range(count):
            yield struct.pack(">I", i) + block

    with server_process(tmp_path) as server:
        before = peak_memory(server.process.pid)
        answer = server.http.post(f"/api/blobs/sha256:{digest.hexdigest()}", content=pieces())
        more = peak_memory(server.process.pid) - before

    assert answer.status_code == 201
    assert more < 50 << 20


def test_an_upload_that_breaks_off_leaves_nothing(server: ServerProcess, content: bytes) -> None:
    with server.connect() as client:
        head = f"POST /api/blobs/{digest_of(content)} HTTP/1.1\r\nHost: localhost\r\n"
        client.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[: 1 << 20])
    assert server.http.head(f"/api/blobs/{digest_of(content)}").status_code == 404
    assert server.http.post(f"/api/blobs/{digest_of(content)}", content=content).status_code == 201


def test_an_answer_before_the_body_was_read_still_arrives(server: ServerProcess) -> None:
    big = b"x" * (20 << 20)
    assert refusal(server.http.post("/api/blobs/bad", content=big))[0] == 400


def peak_memory(pid: int) -> int:
    """The most memory that the process ever held, in bytes."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) << 10


def test_a_raw_request_with_json_and_more_is_one_request(server: ServerProcess) -> None:
    body = json.dumps({"model": "smollm"}).encode() + b"\n\n"
    with server.connect() as client:
        head = f"POST /api/show HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.count(b"HTTP/1.1") == 1
