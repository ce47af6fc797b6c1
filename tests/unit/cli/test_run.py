from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
FINAL = {
    "done": True,
    "done_reason": "stop",
    "response": "",
    "total_duration": 4_935_886_791,
    "load_duration": 534_986_708,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 107_345_000,
    "eval_count": 237,
    "eval_duration": 4_289_432_000,
}


@pytest.fixture
def model(api: Any) -> Any:
    api.answer("POST", "/api/show", {"capabilities": ["completion"]})
    api.stream("/api/generate", {"response": "Deep"}, {"response": " green"}, FINAL)
    return api


def with_capabilities(api: Any, *names: str) -> None:
    api.answer("POST", "/api/show", {"capabilities": list(names)})


def test_an_answer_ends_with_two_newlines(model: Any, cli: Cli) -> None:
    outcome = cli("run", "m", "Name", "a colour.", "--keepalive", "5m")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Deep green\n\n", "")
    assert model.bodies("/api/generate") == [{"model": "m", "prompt": "Name a colour.", "keep_alive": "5m0s"}]


def test_piped_text_comes_before_the_prompt(model: Any, cli: Cli) -> None:
    cli("run", "m", "Summarize:", stdin=b"text\n")
    assert model.bodies("/api/generate")[0]["prompt"] == "text\n Summarize:"


def test_no_prompt_loads_the_model_and_prints_nothing(model: Any, cli: Cli) -> None:
    model.stream("/api/generate", {"done": True, "done_reason": "load", "response": ""})
    for args in ((), ("",)):
        assert cli("run", "m", *args).out == ""
    assert [body["prompt"] for body in model.bodies("/api/generate")] == ["", ""]


def test_statistics_are_aligned_on_stderr(model: Any, cli: Cli) -> None:
    assert cli("run", "--verbose", "m", "hi").err == (
        "total duration:       4.935886791s\n"
        "load duration:        534.986708ms\n"
        "prompt eval count:    26 token(s)\n"
        "prompt eval duration: 107.345ms\n"
        "prompt eval rate:     242.21 tokens/s\n"
        "eval count:           237 token(s)\n"
        "eval duration:        4.289432s\n"
        "eval rate:            55.25 tokens/s\n"
    )


def test_what_came_from_the_cache_is_shown_and_not_counted_as_computed(model: Any, cli: Cli) -> None:
    """C056"""
    counts = {"prompt_eval_count": 10, "prompt_eval_cached_count": 4, "prompt_eval_duration": 10**9}
    model.stream("/api/generate", {"response": "42"}, {"done": True, **counts})
    assert cli("run", "m", "--verbose", "hi").err == (
        "prompt eval count:    10 token(s)\n"
        "prompt eval cached:   4 token(s)\n"
        "prompt eval duration: 1s\n"
        "prompt eval rate:     6.00 tokens/s\n"
    )


def test_statistics_of_zero_are_left_out(model: Any, cli: Cli) -> None:
    model.stream("/api/generate", {"response": "x"}, {"done": True, "total_duration": 1_000_000_000})
    assert cli("run", "--verbose", "m", "hi").err == "total duration:       1s\n"


def test_statistics_can_be_written_as_json(model: Any, cli: Cli, tmp_path: Path) -> None:
    cli("run", "m", "hi", f"--stats-json={tmp_path / 'stats.json'}")
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["eval_count"] == 237 and "response" not in stats


def test_a_thinking_model_thinks_unless_told_otherwise(model: Any, cli: Cli) -> None:
    with_capabilities(model, "completion", "thinking")
    cli("run", "m", "hi")
    cli("run", "--think=false", "m", "hi")
    assert [body["think"] for body in model.bodies("/api/generate")] == [True, False]


def test_another_model_gets_no_think_field(model: Any, cli: Cli) -> None:
    cli("run", "m", "hi")
    assert "think" not in model.bodies("/api/generate")[0]


def test_a_think_level_needs_an_equals_sign(model: Any, cli: Cli) -> None:
    cli("run", "--think", "high", "m")
    cli("run", "m", "--think=high", "hi")
    assert model.bodies("/api/generate")[0] | {"keep_alive": None} == {
        "model": "high",
        "prompt": "m",
        "think": True,
        "keep_alive": None,
    }
    assert model.bodies("/api/generate")[1]["think"] == "high"


def test_a_wrong_think_value_is_refused(cli: Cli) -> None:
    outcome = cli("run", "m", "--think=hard", "hi")
    message = 'invalid value for --think: "hard" (must be true, false, high, medium, low, or max)'
    assert (outcome.code, outcome.err) == (1, f"Error: {message}\n")


def test_thinking_is_framed_without_colour_in_a_pipe(model: Any, cli: Cli) -> None:
    model.stream("/api/generate", {"thinking": "hm"}, {"thinking": "m"}, {"response": "42"}, FINAL)
    assert cli("run", "m", "hi").out == "Thinking...\nhmm\n...done thinking.\n\n42\n\n"


def test_thinking_without_an_answer_has_no_closing(model: Any, cli: Cli) -> None:
    """C052"""
    model.stream("/api/generate", {"thinking": "hmm"}, FINAL)
    assert cli("run", "m", "hi").out == "Thinking...\nhmm\n\n"


def test_a_call_after_thinking_closes_it(model: Any, cli: Cli) -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    model.stream("/api/generate", {"thinking": "hmm"}, {"tool_calls": [call]}, FINAL)
    assert cli("run", "m", "hi").out.startswith("Thinking...\nhmm\n...done thinking.\n\nThe model called")


def test_colour_can_be_asked_for(model: Any, cli: Cli) -> None:
    model.stream("/api/generate", {"thinking": "hmm\n"}, {"response": "42"}, FINAL)
    assert cli("--color=always", "run", "m", "hi").out == (
        "\x1b[38;5;245m\x1b[1mThinking...\n\x1b[0m\x1b[38;5;245mhmm\n\x1b[1m...done thinking.\x1b[0m\n\n42\n\n"
    )


def test_hidden_thinking_leaves_the_answer(model: Any, cli: Cli) -> None:
    model.stream("/api/generate", {"thinking": "hmm"}, {"response": "42"}, FINAL)
    assert cli("run", "m", "--hidethinking", "hi").out == "42\n\n"


def test_a_format_is_json_or_a_schema(model: Any, cli: Cli) -> None:
    cli("run", "m", "--format", "json", "hi")
    cli("run", "m", "--format", '{"type":"object"}', "hi")
    assert [body["format"] for body in model.bodies("/api/generate")] == ["json", {"type": "object"}]


def test_a_format_that_is_no_json_fails_here(model: Any, cli: Cli) -> None:
    outcome = cli("run", "m", "--format", "{", "hi")
    assert outcome.code == 1 and outcome.err.startswith("Error: invalid value for --format")
    assert model.asked == []


@pytest.mark.parametrize(("text", "wire"), [("-1m", -1), ("0", "0s"), ("1h", "1h0m0s")])
def test_keep_alive_goes_out_as_a_duration(model: Any, cli: Cli, text: str, wire: object) -> None:
    cli("run", "m", "--keepalive", text, "hi")
    assert model.bodies("/api/generate")[0]["keep_alive"] == wire


@pytest.mark.parametrize(
    ("text", "message"),
    [("5", 'time: missing unit in duration "5"'), ("abc", 'time: invalid duration "abc"')],
)
def test_a_keep_alive_that_is_no_duration_is_refused(cli: Cli, text: str, message: str) -> None:
    outcome = cli("run", "m", "--keepalive", text, "hi")
    assert (outcome.code, outcome.err) == (1, f"Error: {message}\n")


def test_options_and_system_message_reach_the_request(model: Any, cli: Cli) -> None:
    cli("run", "m", "--option", "top_k=3", "--option=stop=a", "--option=stop=b", "--system", "Be brief.", "hi")
    body = model.bodies("/api/generate")[0]
    assert body["options"] == {"top_k": 3, "stop": ["a", "b"]}
    assert body["system"] == "Be brief."


@pytest.mark.parametrize(
    ("option", "message"), [("x=1", "unknown parameter 'x'"), ("top_k=a", "invalid int value [a]")]
)
def test_wrong_options_are_refused(cli: Cli, option: str, message: str) -> None:
    outcome = cli("run", "m", "--option", option, "hi")
    assert (outcome.code, outcome.err) == (1, f"Error: {message}\n")


def test_a_missing_model_is_pulled_first(model: Any, cli: Cli) -> None:
    model.answer("POST", "/api/show", {"error": "model 'm' not found"}, 404)
    model.stream("/api/pull", {"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"})
    outcome = cli("run", "m", "hi")
    assert outcome.err == "pulling manifest\nError: pull model manifest: file does not exist\n"


def test_no_pull_fails_at_once(model: Any, cli: Cli) -> None:
    model.answer("POST", "/api/show", {"error": "model 'm' not found"}, 404)
    assert cli("run", "--no-pull", "m", "hi").err == "Error: model 'm' not found\n"


def test_an_error_in_the_middle_is_printed_after_the_answer_so_far(model: Any, cli: Cli) -> None:
    model.stream("/api/generate", {"response": "Deep"}, {"error": "an error was encountered"})
    outcome = cli("run", "m", "hi")
    assert (outcome.code, outcome.out, outcome.err) == (1, "Deep", "Error: an error was encountered\n")


def test_image_models_are_refused(model: Any, cli: Cli) -> None:
    with_capabilities(model, "image")
    assert cli("run", "m", "hi").err == "Error: image generation models are not currently supported\n"


def test_an_embedding_model_prints_one_vector(model: Any, cli: Cli) -> None:
    with_capabilities(model, "embedding")
    model.answer("POST", "/api/embed", {"embeddings": [[0.25, -0.5]]})
    outcome = cli("run", "m", "--truncate=false", "--dimensions", "2", stdin=b"ebb\n")
    assert outcome.out == "[0.25,-0.5]\n"
    assert model.bodies("/api/embed") == [{"model": "m", "input": "ebb", "truncate": False, "dimensions": 2}]


def test_an_embedding_model_needs_text(model: Any, cli: Cli) -> None:
    with_capabilities(model, "embedding")
    outcome = cli("run", "m", "")
    assert outcome.err == ('Error: embedding models require input text. Usage: pyollama run m "your text here"\n')


def test_an_image_in_the_prompt_is_sent_and_cut_out(model: Any, cli: Cli, tmp_path: Path) -> None:
    with_capabilities(model, "completion", "vision")
    picture = tmp_path / "a b.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    outcome = cli("run", "m", f"What is in '{picture}' here?")
    assert outcome.err == f"Added image '{picture}'\n"
    body = model.bodies("/api/generate")[0]
    assert body["prompt"] == "What is in  here?" and body["images"] == ["iVBORw0KGgo="]


def test_a_tool_call_is_reported(model: Any, cli: Cli) -> None:
    call = {"function": {"name": "get_tide", "arguments": {"harbour": "Brest"}}}
    model.stream("/api/generate", {"response": "", "tool_calls": [call]}, FINAL)
    assert 'get_tide() with arguments {"harbour": "Brest"}' in cli("run", "m", "hi").out
