from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pyollama.cli.transfer import location

Cli = Callable[..., Any]
DIGEST = "sha256:dde5aa3fc5ff" + "0" * 52
PULL = [
    {"status": "pulling manifest"},
    {"status": "pulling dde5aa3fc5ff", "digest": DIGEST, "total": 1000},
    {"status": "pulling dde5aa3fc5ff", "digest": DIGEST, "total": 1000, "completed": 470},
    {"status": "pulling dde5aa3fc5ff", "digest": DIGEST, "total": 1000, "completed": 1000},
    {"status": "verifying sha256 digest"},
    {"status": "writing manifest"},
    {"status": "success"},
]


def test_pull_reports_each_status_once_on_stderr(api: Any, cli: Cli) -> None:
    api.stream("/api/pull", *PULL)
    outcome = cli("pull", "--insecure", "m")
    assert (outcome.code, outcome.out) == (0, "")
    lines = outcome.err.splitlines()
    assert [line for line in lines if not line.startswith("pulling dde")] == [
        "pulling manifest",
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    assert lines[1].startswith("pulling dde5aa3fc5ff: 47% 470 B/1 KB")
    assert lines[2] == "pulling dde5aa3fc5ff: 100% 1 KB"
    assert api.bodies("/api/pull") == [{"model": "m", "insecure": True}]


def test_pull_as_json_prints_the_records(api: Any, cli: Cli) -> None:
    api.stream("/api/pull", *PULL)
    outcome = cli("pull", "--json", "m")
    assert [json.loads(line) for line in outcome.out.splitlines()] == PULL
    assert outcome.err == ""


def test_json_records_end_in_success(api: Any, cli: Cli) -> None:
    api.stream("/api/pull", PULL[0])
    assert cli("pull", "--json", "m").out.splitlines()[-1] == '{"status":"success"}'


def test_no_progress_leaves_errors_only(api: Any, cli: Cli) -> None:
    api.stream("/api/pull", PULL[0], {"error": "pull model manifest: file does not exist"})
    outcome = cli("pull", "--no-progress", "m")
    assert (outcome.code, outcome.err) == (1, "Error: pull model manifest: file does not exist\n")


def test_an_error_before_the_stream_carries_its_status(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/pull", {"error": "pull is not supported"}, 501)
    assert cli("pull", "m").err == "Error: 501 Not Implemented: pull is not supported\n"


def test_push_says_where_the_model_is(api: Any, cli: Cli) -> None:
    api.stream("/api/push", {"status": "retrieving manifest"}, {"status": "success"})
    outcome = cli("push", "hub.example/me/m")
    assert outcome.out == "\nYou can find your model at:\n\n\thub.example/me/m:latest\n"


@pytest.mark.parametrize("text", ["unauthorized: access denied", "Access denied"])
def test_push_without_rights_gives_advice(api: Any, cli: Cli, text: str) -> None:
    api.stream("/api/push", {"status": "retrieving manifest"}, {"error": text})
    outcome = cli("push", "me/m")
    assert outcome.err.splitlines()[-1] == (
        "Error: you are not authorized to push to this namespace, create the model under a namespace you own"
    )


def test_a_pushed_model_of_the_default_registry_has_a_page() -> None:
    assert location("me/m:latest").endswith("/me/m")
    assert location("me/m:v2").endswith("/me/m:v2")
