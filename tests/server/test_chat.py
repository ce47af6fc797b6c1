"""Conversations with a real model."""

from __future__ import annotations

import pytest
from support.servers import ServerProcess, refusal

SHORT = {"num_predict": 8, "temperature": 0}
FULL = "registry.ollama.ai/library/smollm:latest"


def say(*turns: str) -> list[dict[str, str]]:
    return [dict(zip(("role", "content"), turn.split(": ", 1), strict=True)) for turn in turns]


def test_a095_a096_the_system_text_unless_the_request_has_its_own(server: ServerProcess) -> None:
    server.create("sailor", **{"from": "smollm"}, system="Be a sailor.")
    with_own = server.rendered("/api/chat", model="sailor", messages=say("system: Be a cook.", "user: hi"))
    without = server.rendered("/api/chat", model="sailor", messages=say("user: hi"))
    assert "Be a sailor." not in with_own and "Be a cook." in with_own
    assert without.startswith("<|im_start|>system\nBe a sailor.")


def test_a097_stored_messages_come_first(server: ServerProcess) -> None:
    server.create("started", **{"from": "smollm"}, messages=say("user: one", "assistant: two"))
    rendered = server.rendered("/api/chat", model="started", messages=say("user: three"))
    assert rendered.index("one") < rendered.index("two") < rendered.index("three")


def test_a098_a099_chunks_are_messages(server: ServerProcess) -> None:
    *pieces, last = server.lines("/api/chat", model="alphabet", messages=say("user: Letters?"), options=SHORT)
    assert {tuple(piece) for piece in pieces} == {("model", "created_at", "message", "done")}
    assert {(*piece["message"], piece["message"]["role"]) for piece in pieces} == {("role", "content", "assistant")}
    assert last["message"] == {"role": "assistant", "content": ""}
    assert last["done_reason"] == "length" and last["eval_count"] == 8
    assert "context" not in last


def test_a_stream_joins_to_the_single_answer(server: ServerProcess) -> None:
    ask = {"model": "alphabet", "messages": say("user: Name three letters."), "options": SHORT}
    streamed = "".join(line["message"]["content"] for line in server.lines("/api/chat", **ask))
    assert streamed == server.chat(**ask)["message"]["content"] == "abcdefgh"


def test_a103_a_model_that_only_embeds_is_refused(server: ServerProcess) -> None:
    answer = server.post("/api/chat", model="embedder", messages=say("user: x"))
    assert refusal(answer) == (400, '"embedder" does not support chat')


def test_a104_a105_roles_are_folded_and_unknown_ones_passed_on(server: ServerProcess) -> None:
    rendered = server.rendered("/api/chat", model="smollm", messages=say("USER: hi", "developer: be nice"))
    assert "<|im_start|>user\nhi" in rendered and "<|im_start|>developer\nbe nice" in rendered


def test_a107_a108_no_images(server: ServerProcess) -> None:
    messages = [{"role": "user", "content": "Hi", "images": None}]
    assert "images" not in server.chat(model="smollm", messages=messages, options=SHORT)["message"]


def test_an_image_needs_a_model_that_sees(server: ServerProcess) -> None:
    messages = [{"role": "user", "content": "Hi", "images": ["aGk="]}]
    answer = server.post("/api/chat", model="smollm", messages=messages)
    assert refusal(answer) == (400, f"{FULL} does not support vision")


def test_a110_a111_tools_need_a_model_that_calls(server: ServerProcess) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    answer = server.post("/api/chat", model="smollm", messages=say("user: x"), tools=[tool])
    assert refusal(answer) == (400, f"{FULL} does not support tools")
    assert server.chat(model="smollm", messages=say("user: Hi"), tools=[], options=SHORT)["done"]


@pytest.mark.parametrize(
    ("text", "accepted"), [("{}", True), ("", True), ('{"a":1}', True), ("x", False), ("[]", False)]
)
def test_a122_arguments_as_text_are_parsed(server: ServerProcess, text: str, accepted: bool) -> None:
    messages = [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": text}}]}]
    answer = server.post("/api/chat", model="smollm", messages=messages, _debug_render_only=True)
    assert answer.status_code == (200 if accepted else 400)
    assert accepted or "arguments" in answer.json()["error"]


@pytest.mark.parametrize("think", [False, None])
def test_a129_a_model_that_cannot_think_may_be_told_not_to(server: ServerProcess, think: bool | None) -> None:
    assert server.chat(model="smollm", messages=say("user: Hi"), think=think, options=SHORT)["done"]


@pytest.mark.parametrize("path", ["chat", "generate"])
@pytest.mark.parametrize("think", [True, "low", "medium", "high", "max"])
def test_a128_a130_thinking_needs_a_model_that_can(server: ServerProcess, path: str, think: object) -> None:
    answer = server.post(f"/api/{path}", model="smollm", prompt="x", messages=say("user: x"), think=think)
    assert refusal(answer) == (400, '"smollm" does not support thinking')


@pytest.mark.parametrize(
    ("think", "text"),
    [
        ("ultra", 'invalid think value: "ultra" (must be "high", "medium", "low", "max", true, or false)'),
        (3, 'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'),
    ],
    ids=["A131", "A132"],
)
def test_a_think_value_that_is_none(server: ServerProcess, think: object, text: str) -> None:
    answer = server.post("/api/chat", model="smollm", messages=say("user: x"), think=think)
    assert refusal(answer) == (400, text)


def test_rendering_only_runs_nothing(server: ServerProcess) -> None:
    answer = server.post("/api/chat", model="smollm", messages=say("user: x"), _debug_render_only=True).json()
    assert answer["message"] == {"role": "assistant", "content": ""}
    assert answer["_debug_info"]["rendered_template"] == "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n"
