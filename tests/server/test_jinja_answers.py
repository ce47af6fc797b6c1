"""Answers of models with a Jinja template: the vendored parser of that template reads them, in the runner.

The models are made to say what they say, so the server, the runner and the engine are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from support import chat_templates, library, tiny_models
from support.servers import ServerProcess, refusal, server_process

TOOL = {
    "type": "function",
    "function": {
        "name": "get_tide",
        "parameters": {
            "type": "object",
            "properties": {"harbour": {"type": "string"}, "days": {"type": "integer"}},
        },
    },
}
MESSAGES = [{"role": "user", "content": "High tide in Brest?"}]
THOUGHT = ["<think>", "\nHm", ", <b>", "</think>", "\n\n"]
CALL = [
    "<tool_call>",
    '\n{"name": "get_',
    'tide", "argum',
    'ents": {"harbour": "Brest", "days": 1234567890123456789',
    "}}\n",
]
CALLED = {"name": "get_tide", "arguments": {"harbour": "Brest", "days": 1234567890123456789}}
HARMONY_MARKS = ["<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>", "<|call|>"]
HARMONY_ANSWER = ["<|channel|>", "analysis", "<|message|>", "Hm", "<|end|>", "<|start|>"]
HARMONY_ANSWER += ["assistant<|channel|>final<|message|>Yes", "<|return|>", "<|call|>"]


GO = """
{{- range .Tools }}{{ . }}{{ end }}{{ range .Messages }}{{ if .ToolCalls }}<tool_call>
{{- range .ToolCalls }}{{ .Function.Name }}{{ .Function.Arguments }}{{ end }}</tool_call>{{ end }}
{{- if eq .Role "tool" }}{{ end }}{{ .Content }}{{ end }}
"""


class Speaker(NamedTuple):
    """A model that says the same to every prompt."""

    template: str
    pieces: Sequence[str]
    control: Sequence[str] = ()  # those that are special tokens
    after: bytes = b"\n"  # how prompts end


MODELS = {
    "caller": Speaker(chat_templates.HERMES, ["I ", "look. ", *CALL, "</tool_call>"], ["<tool_call>", "</tool_call>"]),
    "thinker": Speaker(chat_templates.THINKING_HERMES, [*THOUGHT, "I ", "look. ", *CALL, "</tool_call>"]),
    "brooder": Speaker(chat_templates.THINKING_HERMES, ["<think>", "\nI call ", *CALL, "</tool_call>"]),
    "hasty": Speaker(chat_templates.HERMES, ["<tool_call>", CALL[1][1:], *CALL[2:], "</tool_call>"]),
    "quitter": Speaker(chat_templates.HERMES, ["I look. ", *CALL[:-1]]),
    "harmony": Speaker(chat_templates.HARMONY, HARMONY_ANSWER, HARMONY_MARKS, after=b"t"),
    "plain": Speaker(chat_templates.PLAIN, ["<think>", "no thought", "</think>"]),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("files")
    with server_process(tmp_path_factory.mktemp("models")) as running:
        for name, model in MODELS.items():
            path = folder / f"{name}.gguf"
            tiny_models.speaking(
                path, model.pieces, control=model.control, after=model.after, chat_template=model.template
            )
            digest, _ = running.store.blobs.add_file(path)
            running.create(name, files={path.name: str(digest)}, parameters={"temperature": 0, "num_ctx": 1024})
        running.create("go", template=GO, **{"from": "caller"})
        yield running


def streamed(server: ServerProcess, model: str, **body: Any) -> dict[str, Any]:
    """The message of a stream, put together."""
    lines = server.lines("/api/chat", model=model, **{"messages": MESSAGES, **body})
    parts = [line["message"] for line in lines]
    assert not any("tool_calls" in line["message"] for line in lines if line["done"])
    return {
        "content": "".join(part["content"] for part in parts),
        "thinking": "".join(part.get("thinking", "") for part in parts),
        "calls": [call for part in parts for call in part.get("tool_calls", ())],
    }


def whole(server: ServerProcess, model: str, **body: Any) -> dict[str, Any]:
    """The same of an answer that does not stream."""
    message = server.chat(model=model, **{"messages": MESSAGES, **body})["message"]
    return {
        "content": message["content"],
        "thinking": message.get("thinking", ""),
        "calls": message.get("tool_calls", []),
    }


def both(server: ServerProcess, model: str, **body: Any) -> tuple[str, str, list[dict[str, Any]]]:
    answers = [streamed(server, model, **body), whole(server, model, **body)]
    for answer in answers:
        for index, call in enumerate(answer["calls"]):
            assert call.pop("id").startswith("call_")
            assert call["function"].pop("index") == index
        answer["calls"] = [call["function"] for call in answer["calls"]]
    assert answers[0] == answers[1]
    return answers[0]["content"], answers[0]["thinking"], answers[0]["calls"]


def test_b12_a_call_is_read_by_the_parser_of_the_template(server: ServerProcess) -> None:
    """Also A430: all digits. The tags are special tokens, which are no text of an answer otherwise."""
    assert both(server, "caller", tools=[TOOL]) == ("I look. ", "", [CALLED])


def test_a430_the_answer_spells_a_large_integer_with_all_its_digits(server: ServerProcess) -> None:
    answer = server.post("/api/chat", model="caller", messages=MESSAGES, tools=[TOOL], stream=False)
    assert '"days":1234567890123456789' in answer.text


@pytest.mark.parametrize("model", ["caller", "go"])
@pytest.mark.parametrize("as_text", [False, True])
def test_a430_large_integers_in_a_call_of_the_history_reach_the_prompt(
    server: ServerProcess, model: str, as_text: bool
) -> None:
    """D37, with templates of both languages; A122, arguments as JSON text."""
    arguments = {"days": 1234567890123456789, "least": -(1 << 63), "most": (1 << 64) - 1, "list": [9007199254740993]}
    called = {"name": "get_tide", "arguments": json.dumps(arguments) if as_text else arguments}
    messages = [*MESSAGES, {"role": "assistant", "content": "", "tool_calls": [{"function": called}]}]
    messages.append({"role": "tool", "tool_name": "get_tide", "content": "6.9 m"})
    rendered = server.rendered("/api/chat", model=model, messages=messages, tools=[TOOL])
    for digits in ("1234567890123456789", "-9223372036854775808", "18446744073709551615", "9007199254740993"):
        assert digits in rendered


def test_no_number_loses_digits_on_its_way_into_the_prompt(server: ServerProcess) -> None:
    arguments = {"lat": 48.85837012345, "tiny": 1e-9, "one": 1.0, "large": 1e300, "third": 0.1, "edge": (1 << 63) - 1}
    called = {"name": "get_tide", "arguments": arguments}
    messages = [*MESSAGES, {"role": "assistant", "content": "", "tool_calls": [{"function": called}]}]
    messages.append({"role": "tool", "tool_name": "get_tide", "content": "6.9 m"})
    rendered = server.rendered("/api/chat", model="caller", messages=messages, tools=[TOOL])
    assert json.dumps(arguments) in rendered


def test_b13_a_thought_and_a_call(server: ServerProcess) -> None:
    assert both(server, "thinker", tools=[TOOL], think=True) == ("I look. ", "Hm, <b>", [CALLED])
    assert both(server, "thinker", tools=[TOOL]) == ("I look. ", "Hm, <b>", [CALLED])


def test_a127_a_thought_that_is_not_wanted_is_dropped(server: ServerProcess) -> None:
    assert both(server, "thinker", tools=[TOOL], think=False) == ("I look. ", "", [CALLED])


def test_b13_without_tools_what_looks_like_a_call_is_text(server: ServerProcess) -> None:
    text = "I look. " + "".join(CALL) + "</tool_call>"
    assert both(server, "thinker") == (text, "Hm, <b>", [])
    assert both(server, "thinker", think=False) == (text, "", [])


def test_b13_generate_separates_thoughts_too(server: ServerProcess) -> None:
    text = "I look. " + "".join(CALL) + "</tool_call>"
    answer = server.generate(model="thinker", prompt="x")
    assert (answer["response"], answer["thinking"]) == (text, "Hm, <b>")
    answer = server.generate(model="thinker", prompt="x", think=False)
    assert answer["response"] == text and "thinking" not in answer


def test_a431_a_call_in_a_thought_that_never_closes_is_found(server: ServerProcess) -> None:
    thought = "I call " + "".join(CALL) + "</tool_call>"
    assert both(server, "brooder", tools=[TOOL]) == ("", thought, [CALLED])
    assert both(server, "brooder", tools=[TOOL], think=False) == ("", "", [CALLED])


def test_d22_what_the_parser_cannot_read_is_content(server: ServerProcess) -> None:
    """A125"""
    assert both(server, "quitter", tools=[TOOL]) == ("I look. " + "".join(CALL[:-1]), "", [])
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
    content, thinking, calls = both(server, "caller", tools=[other])
    assert (content, thinking, calls) == ("I look. " + "".join(CALL) + "</tool_call>", "", [])


def test_harmony_is_read_by_its_own_parser(server: ServerProcess) -> None:
    assert "thinking" in server.post("/api/show", model="harmony").json()["capabilities"]
    assert both(server, "harmony") == ("Yes", "Hm", [])
    assert both(server, "harmony", think=False) == ("Yes", "", [])


def test_harmony_knows_three_levels(server: ServerProcess) -> None:
    levels = [server.rendered("/api/chat", model="harmony", messages=MESSAGES, think=at) for at in ("low", "max")]
    assert ["low" in levels[0], "high" in levels[1], "max" in levels[1]] == [True, True, False]


def test_a_go_template_sees_special_tokens_in_answers_too(server: ServerProcess) -> None:
    """The tag of calls is one, as [TOOL_CALLS] of real models is."""
    assert both(server, "go", tools=[TOOL]) == ("I look. ", "", [CALLED])
    assert both(server, "go") == ("I look. " + "".join(CALL[1:]), "", [])


def test_a_stop_text_that_is_a_special_token_stops(server: ServerProcess) -> None:
    assert both(server, "caller", options={"stop": ["<tool_call>"]}) == ("I look. ", "", [])


def test_b3_a442_a_renderer_without_chat_template_is_refused_at_load(server: ServerProcess) -> None:
    """D35"""
    config = {"model_format": "gguf", "renderer": "qwen3-coder", "parser": "x"}
    library.put_model(server.store.root, "old", [("model", library.tiny_gguf())], config=config)
    text = 'renderer "qwen3-coder" needs a chat template inside the model file'
    for path, more in (("/api/chat", {"messages": MESSAGES}), ("/api/generate", {"prompt": "x"}), ("/api/chat", {})):
        assert refusal(server.post(path, model="old", **more)) == (500, text)
    assert server.post("/api/show", model="old").json()["capabilities"] == ["completion"]  # A443


def test_b3_a441_and_at_create(server: ServerProcess) -> None:
    """D35"""
    digest, _ = server.store.blobs.add_bytes(library.tiny_gguf())
    answer = server.post("/api/create", model="new", files={"a.gguf": str(digest)}, parser="qwen3", stream=False)
    assert refusal(answer) == (400, 'renderer "qwen3" needs a chat template inside the model file')


def test_b3_a_renderer_runs_with_the_template_of_the_weights(server: ServerProcess) -> None:
    """Also with a Go template beside it, which would not read the calls."""
    server.create("named", **{"from": "caller"}, renderer="qwen3-coder", parser="qwen3", template="{{ .Prompt }}\n")
    assert set(server.post("/api/show", model="named").json()["capabilities"]) == {"completion", "tools"}
    assert both(server, "named", tools=[TOOL]) == ("I look. ", "", [CALLED])


def test_a_call_that_only_its_parser_cannot_read_is_found(server: ServerProcess) -> None:
    """The line break after the tag is missing, which the vendored parser insists on."""
    assert both(server, "hasty", tools=[TOOL]) == ("", "", [CALLED])


def test_a_plain_template_gives_all_text_back(server: ServerProcess) -> None:
    assert both(server, "plain") == ("<think>no thought</think>", "", [])


def test_log_probabilities_come_with_held_text_too(server: ServerProcess) -> None:
    lines = server.lines("/api/chat", model="thinker", messages=MESSAGES, tools=[TOOL], logprobs=True)
    tokens = [entry["token"] for line in lines for entry in line.get("logprobs", ())]
    assert "".join(tokens) == "".join([*THOUGHT, "I ", "look. ", *CALL, "</tool_call>"])
    assert json.dumps(lines).count("tool_calls") == 1
