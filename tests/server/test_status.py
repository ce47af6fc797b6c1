"""How the server does, and what it says for Ollama's online service."""

from __future__ import annotations

import re

import pytest
from support.servers import ServerProcess, refusal

import pyollama


def test_the_status_has_ollamas_shape_and_our_figures(server: ServerProcess) -> None:
    server.generate(model="smollm", prompt="hi", options={"num_predict": 1})
    status = server.http.get("/api/status").json()
    assert list(status) == ["cloud", "pyollama"]
    assert status["cloud"] == {"disabled": True, "source": "env"}
    ours = status["pyollama"]
    assert ours["version"] == pyollama.__version__
    assert ours["uptime_s"] > 0 and ours["queued"] == 0
    assert "smollm:latest" in ours["loaded"]
    cpu = next(device for device in ours["devices"] if device["backend"] == "cpu")
    assert cpu["total"] >= cpu["free"] > 0


def test_a067_the_version_is_that_of_the_api_and_ours_stands_beside_it(server: ServerProcess) -> None:
    versions = server.http.get("/api/version").json()
    assert list(versions) == ["version", "pyollama"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", versions["version"]) and versions["pyollama"] == pyollama.__version__


def test_there_is_no_account(server: ServerProcess) -> None:
    answer = server.post("/api/me")
    assert refusal(answer) == (503, "account unavailable")
    assert "retry-after" not in answer.headers  # it will not come back


def test_no_model_of_the_online_service_is_recommended(server: ServerProcess) -> None:
    assert server.http.get("/api/experimental/model-recommendations").json() == {"recommendations": []}


@pytest.mark.parametrize(("path", "what"), [("web_search", "web search"), ("web_fetch", "web fetch")])
def test_the_web_is_not_there(server: ServerProcess, path: str, what: str) -> None:
    assert refusal(server.post(f"/api/experimental/{path}", query="x")) == (
        403,
        f"ollama cloud is disabled: {what} is unavailable",
    )
