"""What holds for every endpoint: bodies, status codes, content types, redirects. Names carry the checklist's ids."""

from __future__ import annotations

import contextlib
import http.client
import json
import re

import pytest
from support.servers import ServerProcess, refusal

POST_PATHS = ("generate", "chat", "create", "show", "copy", "pull", "push", "embed", "embeddings")
ALL = [("POST", f"/api/{name}") for name in POST_PATHS] + [("DELETE", "/api/delete")]


def test_a001_a003_root_says_that_ollama_is_running(server: ServerProcess) -> None:
    answer = server.http.get("/")
    assert (answer.status_code, answer.text) == (200, "Ollama is running")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags"])
def test_a002_a020_head_has_no_body(server: ServerProcess, path: str) -> None:
    answer = server.http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("headers", [{"Content-Type": "application/x-www-form-urlencoded"}, {}], ids=["A005", "A006"])
def test_the_content_type_does_not_matter(server: ServerProcess, headers: dict[str, str]) -> None:
    answer = server.http.post("/api/show", content=b'{"model":"smollm"}', headers=headers)
    assert answer.status_code == 200


def test_a007_unknown_keys_are_ignored(server: ServerProcess) -> None:
    assert server.post("/api/show", model="smollm", nonsense={"a": [1]}).status_code == 200


@pytest.mark.parametrize("rest", [b" trailing", b'{"model":"other"}', b"]"])
def test_a008_bytes_after_the_first_value_are_ignored(server: ServerProcess, rest: bytes) -> None:
    assert server.http.post("/api/show", content=b'{"model":"smollm"}' + rest).status_code == 200


def test_a009_authorization_is_accepted(server: ServerProcess) -> None:
    assert server.http.get("/api/tags", headers={"Authorization": "Bearer anything"}).status_code == 200


@pytest.mark.parametrize("body", [b"", b" \n\t "], ids=["A010", "A011"])
@pytest.mark.parametrize(("method", "path"), ALL)
def test_a_body_is_needed(server: ServerProcess, method: str, path: str, body: bytes) -> None:
    assert refusal(server.http.request(method, path, content=body)) == (400, "missing request body")


@pytest.mark.parametrize("body", [b'{"model":"smol', b'{"model":"smollm"', b"{", b'{"model":tru'])
def test_a012_json_that_is_cut_off(server: ServerProcess, body: bytes) -> None:
    assert refusal(server.http.post("/api/generate", content=body)) == (400, "unexpected EOF")


@pytest.mark.parametrize("body", [b"x", b"{]", b'{"model":nope}', b"\xff", b'"text"', b"[1]", b"[" * 100_000])
def test_a013_json_that_is_malformed(server: ServerProcess, body: bytes) -> None:
    assert refusal(server.http.post("/api/generate", content=body))[0] == 400


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("generate", "stream", "yes"),
        ("generate", "model", 5),
        ("generate", "options", [1]),
        ("generate", "context", "x"),
        ("chat", "messages", {}),
        ("chat", "tools", "x"),
        ("embed", "dimensions", "3"),
        ("create", "files", []),
        ("show", "verbose", 1),
    ],
)
def test_a014_a015_a_wrong_type_names_the_field(server: ServerProcess, path: str, field: str, value: object) -> None:
    status, text = refusal(server.post(f"/api/{path}", **{"model": "smollm", field: value}))
    assert status == 400
    assert field in text


@pytest.mark.parametrize(
    ("field", "text"),
    [("model", "invalid model name"), ("keep_alive", "time: invalid duration"), ("think", "invalid think value")],
)
def test_a_short_field_that_is_huge_is_refused_at_once(server: ServerProcess, field: str, text: str) -> None:
    body = {"model": "smollm", "prompt": "x", field: "1" * 200_000}
    assert refusal(server.post("/api/generate", **body)) == (400, text)


def test_null_counts_as_an_empty_request(server: ServerProcess) -> None:
    assert refusal(server.http.post("/api/generate", content=b"null")) == (404, "model '' not found")


def test_half_a_surrogate_pair_is_accepted(server: ServerProcess) -> None:
    body = b'{"model":"smollm","messages":[{"role":"user","content":"a \\ud83d"}],"_debug_render_only":true}'
    answer = server.http.post("/api/chat", content=body)
    assert "a \ufffd" in answer.json()["_debug_info"]["rendered_template"]


@pytest.mark.parametrize("path", ["/nope", "/api", "/api/nope", "/api/blobs", "/favicon.ico"])
def test_a016_unknown_paths(server: ServerProcess, path: str) -> None:
    answer = server.http.get(server.url + path)
    assert (answer.status_code, answer.text) == (404, "404 page not found")
    assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/generate", "POST"),
        ("POST", "/api/delete", "DELETE"),
        ("POST", "/api/tags", "HEAD, GET"),
        ("HEAD", "/api/ps", "GET"),
        ("GET", "/api/blobs/sha256:0", "HEAD, POST"),
        ("POST", "/", "HEAD, GET"),
    ],
)
def test_a017_wrong_methods(server: ServerProcess, method: str, path: str, allowed: str) -> None:
    answer = server.http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "text/plain"
    assert answer.text == ("" if method == "HEAD" else "405 method not allowed")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/tags/", 301), ("POST", "/api/generate/", 307), ("DELETE", "/api/delete/", 307)],
    ids=["A018", "A019", "A019-delete"],
)
def test_a_slash_too_many_redirects(server: ServerProcess, method: str, path: str, status: int) -> None:
    answer = server.http.request(method, path)
    assert (answer.status_code, answer.headers["location"]) == (status, path[:-1])
    assert answer.text == ('<a href="/api/tags">Moved Permanently</a>.\n\n' if method == "GET" else "")
    assert answer.headers.get("content-type") == ("text/html; charset=utf-8" if method == "GET" else None)


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("//api/version", "/api/version"),
        ("/api//./version?a=//", "/api/version?a=//"),
        ("//evil.example/..", "/"),
        ("///evil.example//", "/evil.example/"),
        ("/api/../..//nope", "/nope"),
    ],
)
def test_a_path_that_is_not_clean_redirects_to_one_of_this_server(server: ServerProcess, path: str, clean: str) -> None:
    link = f'<a href="{clean}">Temporary Redirect</a>.\n\n'
    for method, body in (("GET", link), ("POST", "")):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["location"], answer.read().decode()) == (307, clean, body)


def test_a021_a023_a_stream_is_one_object_per_line(server: ServerProcess) -> None:
    lines = server.lines("/api/generate", model="smollm", prompt="Hi", options={"num_predict": 3})
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]


def test_a022_a_single_answer_is_json(server: ServerProcess) -> None:
    assert server.post("/api/show", model="smollm").headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("body", [{}, {"stream": None}, {"stream": True}])
def test_a025_streaming_is_the_default(server: ServerProcess, body: dict[str, object]) -> None:
    lines = server.lines("/api/generate", model="alphabet", prompt="hi", options={"num_predict": 2}, **body)
    assert len(lines) > 1


def test_a026_an_error_before_the_first_line_has_its_status(server: ServerProcess) -> None:
    assert refusal(server.post("/api/generate", model="nope", prompt="x"))[0] == 404


@pytest.mark.parametrize(("path", "input"), [("generate", {}), ("chat", {"messages": []})])
def test_a029_a_load_answers_with_plain_json(server: ServerProcess, path: str, input: dict[str, object]) -> None:
    answer = server.post(f"/api/{path}", model="smollm", stream=True, **input)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["done_reason"] == "load"


def test_a031_a033_created_at_is_utc_and_never_goes_back(server: ServerProcess) -> None:
    lines = server.lines("/api/generate", model="smollm", prompt="Hi", options={"num_predict": 5})
    times = [line["created_at"] for line in lines]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", time) for time in times)
    seconds = [time[:-1].partition(".")[0] + "." + time[:-1].partition(".")[2].ljust(9, "0") for time in times]
    assert seconds == sorted(seconds)


def test_a034_a212_durations_are_whole_nanoseconds(server: ServerProcess) -> None:
    end = server.generate(model="smollm", prompt="Hi there", options={"num_predict": 5, "seed": 3})
    durations = [end[f"{name}_duration"] for name in ("total", "load", "prompt_eval", "eval")]
    assert all(isinstance(value, int) and value > 0 for value in durations)
    assert durations[0] >= sum(durations[1:])
    assert "sample_count" not in end and "sample_duration" not in end  # A211


def test_a024_chunks_arrive_before_the_generation_ends(server: ServerProcess) -> None:
    body = {"model": "alphabet", "prompt": "a", "options": {"num_predict": 5000}}
    with server.http.stream("POST", "/api/generate", json=body) as answer:
        first = json.loads(next(answer.iter_lines()))
        assert first["done"] is False
        assert server.loaded()["alphabet:latest"]  # another request is answered meanwhile


@pytest.mark.parametrize("size", [10, 500_000])
def test_a420_a422_bodies_as_clients_send_them(server: ServerProcess, size: int) -> None:
    body = b'{"MODEL":"smollm","Messages":[{"role":"user","content":"caf\xe9 %b","tool_call_id":null}],"raw":null,' % (
        b"x" * size
    )
    answer = server.http.post("/api/chat", content=body + b'"_debug_render_only":true,"options":{"num_ctx":2048}}')
    assert answer.status_code == 200
    assert size > 1000 or "caf\ufffd xxx" in answer.json()["_debug_info"]["rendered_template"]


def test_a_body_over_the_limit_is_refused(server: ServerProcess) -> None:
    status, text = refusal(server.http.post("/api/show", content=b" " * ((64 << 20) + 1)))
    assert (status, "larger" in text) == (413, True)
