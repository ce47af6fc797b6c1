"""Loading, unloading and how long a model stays."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import tiny_models
from support.servers import ServerProcess, refusal, server_process

NAME = "smollm:latest"
SHORT = {"num_predict": 2}


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a state of the server."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the state was not reached"


def seconds_left(server: ServerProcess) -> float:
    ends = datetime.fromisoformat(server.loaded()[NAME]["expires_at"])
    return (ends - datetime.now(UTC)).total_seconds()


def test_a147_generate_without_a_prompt_loads(server: ServerProcess) -> None:
    answer = server.post("/api/generate", model="smollm").json()
    assert list(answer) == ["model", "created_at", "response", "done", "done_reason"]
    assert (answer["response"], answer["done"], answer["done_reason"]) == ("", True, "load")


def test_a148_chat_without_messages_loads(server: ServerProcess) -> None:
    answer = server.post("/api/chat", model="smollm", messages=[]).json()
    assert list(answer) == ["model", "created_at", "message", "done", "done_reason"]
    assert (answer["message"], answer["done_reason"]) == ({"role": "assistant", "content": ""}, "load")


@pytest.mark.parametrize("body", [{}, {"input": ""}, {"input": []}, {"input": None}])
def test_a149_embed_without_input_loads(server: ServerProcess, body: dict[str, object]) -> None:
    assert server.post("/api/embed", model="smollm", **body).json() == {"model": "smollm", "embeddings": []}


def test_a150_embeddings_without_a_prompt_loads(server: ServerProcess) -> None:
    assert server.post("/api/embeddings", model="smollm", prompt="").json() == {"embedding": []}


@pytest.mark.parametrize("keep_alive", [0, "0", "0s", 0.0])
def test_a151_generate_unloads(server: ServerProcess, keep_alive: object) -> None:
    server.post("/api/generate", model="smollm")
    assert server.loaded()[NAME]["size"] > 0
    answer = server.post("/api/generate", model="smollm", keep_alive=keep_alive).json()
    assert (answer["response"], answer["done"], answer["done_reason"]) == ("", True, "unload")
    until(lambda: NAME not in server.loaded())


def test_a152_a153_chat_unloads_also_what_is_not_loaded(server: ServerProcess) -> None:
    for _ in range(2):
        answer = server.post("/api/chat", model="smollm", messages=[], keep_alive=0)
        assert (answer.status_code, answer.json()["done_reason"]) == (200, "unload")


def test_a154_unloading_an_unknown_model(server: ServerProcess) -> None:
    answer = server.post("/api/generate", model="nope", keep_alive=0)
    assert refusal(answer) == (404, "model 'nope' not found")


def test_a155_unloading_needs_no_capability(server: ServerProcess) -> None:
    assert server.post("/api/generate", model="embedder", keep_alive=0).json()["done_reason"] == "unload"


def test_a156_an_answer_then_the_unload(server: ServerProcess) -> None:
    assert server.generate(model="smollm", prompt="Hi", keep_alive=0, options=SHORT)["response"]
    until(lambda: NAME not in server.loaded())


@pytest.mark.parametrize(
    ("keep_alive", "seconds"),
    [(42.5, 42.5), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("60", 60)],
    ids=["A157", "A159", "A159-sum", "A159-fraction", "A161"],
)
def test_durations(server: ServerProcess, keep_alive: object, seconds: float) -> None:
    server.post("/api/generate", model="smollm", keep_alive=keep_alive)
    assert seconds - 10 < seconds_left(server) <= seconds


@pytest.mark.parametrize("keep_alive", [-1, "-1m", -0.5, "-1"], ids=["A158", "A160", "fraction", "A161"])
def test_forever(server: ServerProcess, keep_alive: object) -> None:
    server.post("/api/generate", model="smollm", keep_alive=keep_alive)
    assert seconds_left(server) > 290 * 365 * 86400


@pytest.mark.parametrize(
    ("keep_alive", "text"),
    [
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("x", 'time: invalid duration "x"'),
    ],
    ids=["A162", "invalid"],
)
@pytest.mark.parametrize("path", ["generate", "chat", "embed", "embeddings"])
def test_bad_durations(server: ServerProcess, path: str, keep_alive: str, text: str) -> None:
    assert refusal(server.post(f"/api/{path}", model="smollm", keep_alive=keep_alive)) == (400, text)


@pytest.mark.parametrize("keep_alive", [True, [1], {}])
def test_a163_no_duration_at_all(server: ServerProcess, keep_alive: object) -> None:
    status, text = refusal(server.post("/api/generate", model="smollm", keep_alive=keep_alive))
    assert status == 400 and text.startswith("Unsupported type:")


def test_a164_a_request_without_the_field_keeps_the_value(server: ServerProcess) -> None:
    server.post("/api/generate", model="smollm", keep_alive="20m")
    server.post("/api/generate", model="smollm")
    assert 1100 < seconds_left(server) <= 1200


def test_a171_a_context_that_fits_the_pool_does_not_reload(server: ServerProcess) -> None:
    """The pool is shared, so num_ctx is a limit of the request and no reason to load again."""
    server.post("/api/generate", model="smollm")
    runners = server.runners()
    server.generate(model="smollm", prompt="Hi", options={**SHORT, "num_ctx": 1024})
    assert server.runners() == runners
    assert server.loaded()[NAME]["context_length"] == 1024


@pytest.mark.parametrize(("num_ctx", "shown"), [(3, 4), (-1, 4), (-5, 4), (0, 4096)])
def test_a177_a_context_below_4_becomes_4_and_0_is_automatic(server: ServerProcess, num_ctx: int, shown: int) -> None:
    answer = server.post("/api/generate", model="smollm", options={"num_ctx": num_ctx})
    assert answer.status_code == 200
    assert server.loaded()[NAME]["context_length"] == shown


def test_a173_shift_does_not_reload(server: ServerProcess) -> None:
    server.post("/api/generate", model="smollm")
    runners = server.runners()
    for shift in (False, True):
        server.generate(model="smollm", prompt="Hi", shift=shift, options=SHORT)
        assert server.runners() == runners


def test_a172_a_temperature_does_not_reload(server: ServerProcess) -> None:
    server.post("/api/generate", model="smollm")
    runners = server.runners()
    server.generate(model="smollm", prompt="Hi", options={**SHORT, "temperature": 1})
    assert server.runners() == runners


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Iterator[ServerProcess]:
    models = tmp_path_factory.mktemp("models")
    with server_process(models, OLLAMA_KEEP_ALIVE="0", OLLAMA_MAX_LOADED_MODELS="1") as running:
        digest, _ = running.store.blobs.add_file(smollm2)
        running.create("smollm", files={"smollm2.gguf": str(digest)})
        yield running


def test_a166_the_default_may_be_to_unload_at_once(impatient: ServerProcess) -> None:
    assert impatient.generate(model="smollm", prompt="Hi", options=SHORT)["response"]
    until(lambda: not impatient.loaded())


def test_a_stream_that_a_stopping_server_breaks_off_says_so(tmp_path: Path) -> None:
    """C15: the answer would go on for 10,240 tokens."""
    weights = tiny_models.alphabet(tmp_path / "alphabet.gguf")
    with server_process(tmp_path / "models") as running:
        digest, _ = running.store.blobs.add_file(weights)
        running.create("alphabet", files={"alphabet.gguf": str(digest)}, template="{{ .Prompt }}")
        body = {
            "model": "alphabet",
            "prompt": "a",
            "options": {"num_predict": -1, "num_ctx": 100_000, "temperature": 0},
        }
        with running.http.stream("POST", "/api/generate", json=body) as answer:
            lines = answer.iter_lines()
            assert "response" in json.loads(next(lines))
            running.process.send_signal(signal.SIGTERM)
            last = list(lines)[-1]
        assert json.loads(last) == {"error": "the server is stopping"}
        assert running.process.wait(20) == 0


def test_a_damaged_model_is_a_clear_error(server: ServerProcess) -> None:
    """The stand-in has a sound header and no weights."""
    status, text = refusal(server.post("/api/embed", model="embedder", input="x"))
    assert status == 500 and "failed to load model" in text
