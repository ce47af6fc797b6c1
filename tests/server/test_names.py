"""How names in requests find models."""

from __future__ import annotations

import pytest
from support.servers import ServerProcess, refusal

FULL = "registry.ollama.ai/library/smollm:latest"


@pytest.mark.parametrize(
    "name",
    ["smollm", "smollm:latest", FULL, "SmolLM", "library/smollm", "smollm:local", " smollm "],
    ids=["A036", "A036-tag", "A037", "A038", "A037-namespace", "A045", "A047"],
)
def test_many_spellings_reach_a_model_and_are_echoed(server: ServerProcess, name: str) -> None:
    """A040"""
    answer = server.post("/api/generate", model=name)
    assert (answer.status_code, answer.json()["model"]) == (200, name)


def test_a039_creating_in_another_case_overwrites(server: ServerProcess) -> None:
    server.create("cased", **{"from": "smollm"}, system="one")
    server.create("CASED", **{"from": "smollm"}, system="two")
    names = [entry["name"] for entry in server.http.get("/api/tags").json()["models"]]
    assert names.count("cased:latest") == 1 and "CASED:latest" not in names
    assert server.post("/api/show", model="cased").json()["system"] == "two"


def test_a041_lists_show_the_tag(server: ServerProcess) -> None:
    assert "smollm:latest" in [entry["name"] for entry in server.http.get("/api/tags").json()["models"]]


@pytest.mark.parametrize("name", ["model:", "/model", "a//b", "x" * 81, "a.b/c", "ä", "a b"])
def test_a042_a044_a073_invalid_names(server: ServerProcess, name: str) -> None:
    assert refusal(server.post("/api/generate", model=name)) == (400, "invalid model name")


@pytest.mark.parametrize("name", ["x" * 80, "a.b:c.d"])
def test_a043_a044_valid_names_are_looked_up(server: ServerProcess, name: str) -> None:
    assert refusal(server.post("/api/generate", model=name)) == (404, f"model '{name}' not found")


@pytest.mark.parametrize("path", ["generate", "chat", "embed", "show"])
def test_a046_two_markers_are_refused(server: ServerProcess, path: str) -> None:
    status, text = refusal(server.post(f"/api/{path}", model="m:local:cloud", input="x"))
    assert (status, text) == (400, 'use either :local or :cloud, not both: "m:local:cloud"')


@pytest.mark.parametrize("path", ["generate", "chat", "embed", "embeddings"])
def test_models_of_an_online_service_are_refused(server: ServerProcess, path: str) -> None:
    answer = server.post(f"/api/{path}", model="m:8b-cloud")
    assert refusal(answer) == (403, "ollama cloud is disabled: remote model is unavailable")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("generate", 404, "model '' not found"),
        ("chat", 400, "model is required"),
        ("embed", 404, "model '' not found"),
        ("embeddings", 400, "model is required"),
        ("show", 400, "model is required"),
        ("push", 400, "model is required"),
        ("create", 400, "invalid model name"),
        ("pull", 400, "invalid model name"),
    ],
    ids=["A072", "A100", "A223", "A226", "A279", "A316", "A234", "A309"],
)
def test_a_name_is_needed(server: ServerProcess, path: str, status: int, text: str) -> None:
    assert refusal(server.post(f"/api/{path}", model="")) == (status, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("generate", "model 'nope' not found"),
        ("chat", "model 'nope' not found"),
        ("show", "model 'nope:latest' not found"),
        ("embed", 'model "nope" not found, try pulling it first'),
        ("embeddings", 'model "nope" not found, try pulling it first'),
    ],
    ids=["A074", "A101", "A280", "A222", "A227"],
)
def test_unknown_models(server: ServerProcess, path: str, text: str) -> None:
    assert refusal(server.post(f"/api/{path}", model="nope", input="x", prompt="x")) == (404, text)


@pytest.mark.parametrize("path", ["chat", "show", "embed", "embeddings", "create"])
def test_a102_a281_invalid_names_elsewhere(server: ServerProcess, path: str) -> None:
    answer = server.post(f"/api/{path}", **{"model": "a b", "from": "smollm", "input": "x"})
    assert refusal(answer) == (400, "invalid model name")
