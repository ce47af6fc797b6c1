from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pyollama import __version__
from pyollama.cli.models import processor, until

Cli = Callable[..., Any]
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAYS_AGO = (datetime.now(UTC) - timedelta(days=2, hours=1)).isoformat()
MODELS = {
    "models": [
        {
            "name": "llama3.2:latest",
            "digest": "a80c4f17acd5" + "0" * 52,
            "size": 2_019_393_189,
            "modified_at": DAYS_AGO,
        },
        {"name": "Tiny:latest", "digest": "5f3d0c" + "1" * 58, "size": 91_234_567, "modified_at": DAYS_AGO},
    ]
}
HEADER = "NAME               ID              SIZE      MODIFIED   \n"


@pytest.mark.parametrize("command", ["list", "ls"])
def test_list_shows_a_table(api: Any, cli: Cli, command: str) -> None:
    api.answer("GET", "/api/tags", MODELS)
    assert cli(command).out == (
        HEADER
        + "llama3.2:latest    a80c4f17acd5    2.0 GB    2 days ago    \n"
        + "Tiny:latest        5f3d0c111111    91 MB     2 days ago    \n"
    )


def test_list_finds_a_prefix_in_any_case(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/tags", MODELS)
    assert [line.split()[0] for line in cli("list", "tI").out.splitlines()] == ["NAME", "Tiny:latest"]


def test_list_without_models_is_the_header(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/tags", {"models": []})
    outcome = cli("list")
    assert (outcome.code, outcome.out) == (0, "NAME    ID    SIZE    MODIFIED \n")


def test_json_is_the_answer_itself(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/tags", MODELS)
    assert json.loads(cli("list", "--json").out) == MODELS


def running(name: str, vram: int, expires: str) -> dict[str, Any]:
    size = 1_000_000_000
    return {
        "name": name,
        "digest": "5f3d0c" + "1" * 58,
        "size": size,
        "size_vram": vram,
        "expires_at": expires,
        "context_length": 4096,
    }


def test_ps_shows_running_models(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/ps", {"models": [running("tiny:latest", 0, "2318-03-02T12:05:00Z")]})
    assert cli("ps").out == (
        "NAME           ID              SIZE    PROCESSOR    CONTEXT    UNTIL   \n"
        "tiny:latest    5f3d0c111111    1 GB    100% CPU     4096       Forever    \n"
    )


def test_ps_finds_a_prefix_in_exactly_this_case(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/ps", {"models": [running("tiny:latest", 0, "2318-03-02T12:05:00Z")]})
    assert len(cli("ps", "T").out.splitlines()) == 1
    assert len(cli("ps", "t").out.splitlines()) == 2


@pytest.mark.parametrize(
    ("size", "vram", "text"),
    [
        (100, 0, "100% CPU"),
        (100, 100, "100% GPU"),
        (100, 52, "48%/52% CPU/GPU"),
        (100, 101, "Unknown"),
        (0, 0, "Unknown"),
    ],
)
def test_the_processor_column_tells_the_split(size: int, vram: int, text: str) -> None:
    assert processor(size, vram) == text


@pytest.mark.parametrize(
    ("expires", "text"),
    [
        ("2026-03-02T11:59:59Z", "Stopping..."),
        ("2026-03-02T12:04:30.25Z", "4 minutes from now"),
        ("2318-01-01T00:00:00Z", "Forever"),
        ("292277026596-12-04T15:30:07Z", "Forever"),
    ],
)
def test_the_until_column_tells_when_a_model_goes(expires: str, text: str) -> None:
    assert until(expires, NOW) == text


def test_stop_unloads_quietly(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", {})
    api.stream("/api/generate", {"done": True, "done_reason": "unload"})
    outcome = cli("stop", "tiny")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert api.bodies("/api/generate") == [{"model": "tiny", "keep_alive": 0}]


def test_stop_of_an_unknown_model_names_it(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", {"error": "model 'x' not found"}, 404)
    outcome = cli("stop", "x")
    assert (outcome.code, outcome.err) == (1, 'Error: couldn\'t find model "x" to stop\n')


def test_rm_deletes_each_model(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", {})
    api.stream("/api/generate", {"done": True})
    api.answer("DELETE", "/api/delete")
    assert cli("rm", "a", "b").out == "deleted 'a'\ndeleted 'b'\n"


def test_rm_warns_if_it_cannot_unload_and_goes_on(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", {"error": "broken"}, 500)
    api.answer("DELETE", "/api/delete")
    outcome = cli("rm", "a")
    assert (outcome.code, outcome.out) == (0, "deleted 'a'\n")
    assert outcome.err == "Warning: unable to stop model 'a'\n"


def test_rm_ends_at_the_first_unknown_model(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/show", {"error": "model 'a' not found"}, 404)
    api.answer("DELETE", "/api/delete", {"error": "model 'a' not found"}, 404)
    outcome = cli("rm", "a", "b")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "Error: model 'a' not found\n")
    assert len(api.bodies("/api/delete")) == 1


def test_cp_says_what_it_copied(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/copy")
    assert cli("cp", "a", "b").out == "copied 'a' to 'b'\n"
    assert api.bodies("/api/copy") == [{"source": "a", "destination": "b"}]


def test_cp_of_an_unknown_model_fails(api: Any, cli: Cli) -> None:
    api.answer("POST", "/api/copy", {"error": 'model "a" not found'}, 404)
    assert cli("cp", "a", "b").err == 'Error: model "a" not found\n'


def test_an_error_that_is_no_json_is_its_text(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/tags", b"bad gateway\n", 502)
    assert cli("list").err == "Error: bad gateway\n"


def test_an_error_without_a_word_points_to_the_log(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/tags", b"", 500)
    assert "see the pyollama server logs" in cli("list").err


def test_the_version_of_an_equal_server_is_one_version(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/version", {"version": "0.33.0", "pyollama": __version__})
    assert cli("--version").out == f"pyollama version is {__version__}\nAPI level: ollama 0.33.0\n"


def test_the_version_of_another_server_is_two_versions(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/version", {"version": "0.30.1"})
    first, second, third = cli("-v").out.splitlines()
    assert first == "pyollama version is 0.30.1"
    assert second == f"Warning: client version is {__version__}"
    assert third == "API level: ollama 0.30.1"


def test_the_version_without_a_server_is_a_warning(cli: Cli) -> None:
    outcome = cli("--host=127.0.0.1:1", "--version")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        f"Warning: could not connect to a running pyollama instance\nWarning: client version is {__version__}\n"
    )


def test_the_version_as_json_is_the_servers_answer(api: Any, cli: Cli) -> None:
    api.answer("GET", "/api/version", {"version": "0.33.0", "pyollama": "9"})
    assert json.loads(cli("--version", "--json").out) == {"version": "0.33.0", "pyollama": "9"}
