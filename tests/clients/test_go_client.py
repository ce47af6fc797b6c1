"""Ollama's own client for Go, in a program of ours (tests/go_client)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.servers import ServerProcess

PROGRAM = Path(__file__).parent.parent / "go_client"

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed")


@pytest.fixture(scope="module")
def seen(server: ServerProcess) -> dict[str, dict[str, Any]]:
    """What the program saw, by call."""
    environ = os.environ | {"OLLAMA_HOST": server.url}
    done = subprocess.run(["go", "run", "."], cwd=PROGRAM, env=environ, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return {line["call"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_models_are_made_shown_and_deleted(seen: dict[str, dict[str, Any]]) -> None:
    for call in ("heartbeat", "version", "blob", "create", "show", "list", "ps", "copy", "delete"):
        assert "error" not in seen[call], seen[call]
    assert seen["create"]["status"] == "success"
    assert seen["show"] == {"call": "show", "parent": "smollm:latest", "system": "Be brief.", "template": True}
    assert {"mine:latest", "saved:latest", "smollm:latest"} <= set(seen["list"]["names"])


def test_a_model_of_a_file_has_no_parent_so_that_it_can_be_saved(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["show base"]["parent"] == ""
    assert seen["save"] == {"call": "save", "status": "success"}


def test_it_talks(seen: dict[str, dict[str, Any]]) -> None:
    chat = seen["chat"]
    assert (chat["text"], chat["done"], chat["reason"], chat["eval"]) == (True, True, "length", 4)
    assert seen["generate"] == {"call": "generate", "done": True, "context": True}
    assert seen["embed"] == {"call": "embed", "vectors": 2}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("unknown model", "404 Not Found: model 'nope' not found"),
        ("wrong option", '500 Internal Server Error: option "temperature" must be of type float32'),
        ("bad name", "400 Bad Request: invalid model name"),
        ("whoami", "account unavailable"),
    ],
)
def test_errors_read_well(seen: dict[str, dict[str, Any]], call: str, error: str) -> None:
    assert seen[call]["error"] == error
