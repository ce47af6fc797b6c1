"""What becomes of the engine's text: reasoning, tool calls and failures. The engine is a script, the server is real."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from support.servers import Server, refusal, scripted_server
from support.stored_models import header_only, store_model

from pyollama.prompt.calls import Tools

THINKS = (
    "{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}<{{ .Role }}>{{ .Content }}"
    "{{ end }}{{ if .Think }}[{{ .ThinkLevel }}]{{ end }}"
)
CALLS = (
    "{{ range .Tools }}{{ . }}{{ end }}{{ range .Messages }}{{ if .ToolCalls }}<tool_call>{{ range .ToolCalls }}"
    "{{ .Function.Name }}{{ end }}</tool_call>{{ end }}<{{ .Role }}:{{ .ToolName }}>{{ .Content }}{{ end }}"
)
PLAIN_CALLS = "{{ range .Messages }}{{ if .ToolCalls }}{{ .ToolCalls }}{{ end }}{{ .Content }}{{ end }}{{ .Tools }}"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_tide",
        "description": "Tide table",
        "parameters": {
            "type": "object",
            "required": ["harbour"],
            "properties": {
                "harbour": {"type": "string"},
                "at": {"type": ["string", "null"]},
                "a": {"type": "number"},
            },
        },
    },
}

SAYS = """
import time
PIECES = {pieces}
for command in inbox:
    match command:
        case wire.Generate():
            for piece in PIECES:
                send(wire.Piece(command.id, piece))
                time.sleep(0.01)
            {end}
        case wire.Tokenize():
            send(wire.Tokens(command.id, [], [len("".join(text).split()) for text in command.texts]))
"""
FINISHES = 'send(wire.Finished(command.id, "stop", 3, 0, 10, len(PIECES), 20))'


@asynccontextmanager
async def saying(models: Path, *pieces: str, end: str = FINISHES) -> AsyncIterator[Server]:
    """A server whose engine answers every prompt with these pieces."""
    async with scripted_server(models, SAYS.format(pieces=pieces, end=end)) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        for name, template in (("thinker", THINKS), ("caller", CALLS), ("plain", PLAIN_CALLS)):
            await wait(lambda n=name, t=template: server.create(n, template=t, **{"from": "base"}))
        yield server


async def wait(call: Callable[[], Any]) -> Any:
    return await trio.to_thread.run_sync(call)


async def chat(server: Server, model: str, **body: Any) -> Any:
    messages = [{"role": "user", "content": "High tide in Brest?"}]
    return await wait(lambda: server.chat(model=model, **{"messages": messages, **body}))


async def chat_lines(server: Server, model: str, **body: Any) -> list[dict[str, Any]]:
    messages = [{"role": "user", "content": "High tide in Brest?"}]
    lines: list[dict[str, Any]] = await wait(
        lambda: server.lines("/api/chat", model=model, **{"messages": messages, **body})
    )
    return lines


# --- thinking ---------------------------------------------------------------------------------------------------------

THOUGHTS = ("<th", "ink>\n one", " two </thi", "nk>\n\nThe", " answer")


async def test_a126_a134_a137_reasoning_is_apart_from_the_answer(tmp_path: Path) -> None:
    async with saying(tmp_path, *THOUGHTS) as server:
        message = (await chat(server, "thinker"))["message"]
        assert message == {"role": "assistant", "content": "The answer", "thinking": "one two "}

        streamed = [line["message"] for line in await chat_lines(server, "thinker", think=True)]
        assert "".join(part.get("thinking", "") for part in streamed) == "one two "
        assert "".join(part["content"] for part in streamed) == "The answer"
        assert not any("think>" in json.dumps(part) for part in streamed)  # A135


async def test_a133_generate_has_reasoning_too(tmp_path: Path) -> None:
    async with saying(tmp_path, *THOUGHTS) as server:
        answer = await wait(lambda: server.generate(model="thinker", prompt="x"))
        assert (answer["thinking"], answer["response"]) == ("one two ", "The answer")


async def test_a127_without_thinking_no_thought_is_shown(tmp_path: Path) -> None:
    """D31, on chat and generate alike; a raw answer is what the model wrote."""
    async with saying(tmp_path, *THOUGHTS) as server:
        message = (await chat(server, "thinker", think=False))["message"]
        assert message == {"role": "assistant", "content": "The answer"}
        streamed = [line["message"] for line in await chat_lines(server, "thinker", think=False)]
        assert "".join(part["content"] for part in streamed) == "The answer"
        assert not any("thinking" in part for part in streamed)

        generated = await wait(lambda: server.generate(model="thinker", prompt="x", think=False))
        assert generated["response"] == "The answer" and "thinking" not in generated
        templated = await wait(lambda: server.generate(model="thinker", prompt="x", think=False, template=THINKS))
        assert templated["response"] == "The answer" and "thinking" not in templated
        raw = await wait(lambda: server.generate(model="thinker", prompt="x", raw=True))
        assert raw["response"] == "".join(THOUGHTS)


@pytest.mark.parametrize("level", ["low", "medium", "high", "max", True, None])
async def test_a130_levels_reach_the_template(tmp_path: Path, level: object) -> None:
    async with saying(tmp_path) as server:
        messages = [{"role": "user", "content": "hi"}]
        rendered = await wait(lambda: server.rendered("/api/chat", model="thinker", messages=messages, think=level))
        assert rendered.endswith(f"[{level if isinstance(level, str) else 'medium'}]")


async def test_a_prompt_that_opens_the_thought_starts_inside_it(tmp_path: Path) -> None:
    async with saying(tmp_path, "hm ", "</think>", "yes") as server:
        template = THINKS + "<think>"
        answer = await wait(lambda: server.generate(model="thinker", prompt="x", template=template))
        assert (answer["thinking"], answer["response"]) == ("hm ", "yes")


# --- tools ------------------------------------------------------------------------------------------------------------

CALL = '<tool_call>{"name": "get_tide", "arguments": {"harbour": "Brest", "at": null, "a": 1}}</tool_call>'


async def test_a112_a118_a_call_in_a_stream(tmp_path: Path) -> None:
    async with saying(tmp_path, "Let me see. ", CALL[:14], CALL[14:60], CALL[60:]) as server:
        lines = await chat_lines(server, "caller", tools=[TOOL])
        contents = [line["message"]["content"] for line in lines]
        calls = [line for line in lines if "tool_calls" in line["message"]]
        assert "".join(contents) == "Let me see. "
        assert [(line["done"], line["message"]["content"]) for line in calls] == [(False, "")]
        (call,) = calls[0]["message"]["tool_calls"]
        assert re.fullmatch("call_[a-z0-9]{8}", call["id"])  # A113
        arguments = {"harbour": "Brest", "at": None, "a": 1}
        assert call["function"] == {"index": 0, "name": "get_tide", "arguments": arguments}
        assert list(call["function"]["arguments"]) == ["harbour", "at", "a"]  # A114
        assert lines[-1]["done_reason"] == "stop" and "tool_calls" not in lines[-1]["message"]  # A117


async def test_a115_a116_two_calls_in_a_single_answer(tmp_path: Path) -> None:
    async with saying(tmp_path, CALL, CALL) as server:
        message = (await chat(server, "caller", tools=[TOOL]))["message"]
        assert [call["function"]["index"] for call in message["tool_calls"]] == [0, 1]
        assert message["content"] == ""


async def test_a119_what_only_looked_like_a_call_is_content(tmp_path: Path) -> None:
    async with saying(tmp_path, '{"colour":', ' "red"') as server:
        message = (await chat(server, "plain", tools=[TOOL]))["message"]
        assert message == {"role": "assistant", "content": '{"colour": "red"'}
        assert (
            "".join(line["message"]["content"] for line in await chat_lines(server, "plain", tools=[TOOL]))
            == '{"colour": "red"'
        )


async def test_a120_a121_a123_a124_tools_and_results_reach_the_template(tmp_path: Path) -> None:
    async with saying(tmp_path) as server:
        messages = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "get_tide", "arguments": {"harbour": "B"}}}]},
            {"role": "tool", "tool_name": "get_tide", "tool_call_id": "call_1", "content": "6.9 m"},
        ]
        rendered = await wait(lambda: server.rendered("/api/chat", model="caller", messages=messages, tools=[TOOL]))
        assert "<tool_call>get_tide</tool_call>" in rendered and rendered.endswith("<tool:get_tide>6.9 m")
        tool = json.loads(rendered[: rendered.index("<user")])
        assert set(tool["function"]["parameters"]["properties"]) == {"harbour", "at", "a"}
        assert tool["function"]["parameters"]["properties"]["at"]["type"] == ["string", "null"]
        assert tool["function"]["parameters"]["required"] == ["harbour"]


# --- failures ---------------------------------------------------------------------------------------------------------


async def test_a027_an_error_in_mid_stream_is_one_more_line(tmp_path: Path) -> None:
    async with saying(tmp_path, "some ", "text", end="os.kill(os.getpid(), signal.SIGKILL)") as server:
        *pieces, last = await chat_lines(server, "thinker", think=False)
        assert "".join(piece["message"]["content"] for piece in pieces) == "some text"
        assert list(last) == ["error"]
        assert last["error"].startswith("an error was encountered while running the model: ")


async def test_a028_a_partial_text_is_dropped_without_streaming(tmp_path: Path) -> None:
    async with saying(tmp_path, "some ", "text", end="os.kill(os.getpid(), signal.SIGKILL)") as server:
        answer = await wait(
            lambda: server.post("/api/generate", model="thinker", prompt="x", think=False, stream=False)
        )
        status, text = refusal(answer)
        assert status == 500 and text.startswith("model runner has unexpectedly stopped")


async def test_an_engine_that_refuses_chooses_the_status(tmp_path: Path) -> None:
    end = 'send(wire.Failed(command.id, "bad_request", "no such thing"))'
    async with saying(tmp_path, end=end) as server:
        answer = await wait(lambda: server.post("/api/generate", model="thinker", prompt="x"))
        assert refusal(answer) == (400, "no such thing")


async def test_a_vector_that_is_no_number_is_refused(tmp_path: Path) -> None:
    script = """
import struct
for command in inbox:
    send(wire.Embedded(command.id, [struct.pack("<2f", 1.0, float("nan"))], 1))
"""
    async with scripted_server(tmp_path, script) as server:
        await trio.to_thread.run_sync(store_model, server.store, "base", header_only())
        answer = await wait(lambda: server.post("/api/embed", model="base", input="x"))
        assert refusal(answer) == (400, "embedding contains NaN or Inf values")


async def test_what_knows_the_tools_is_made_beside_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    make = Tools.of

    def noting(tools: Any) -> Tools:
        threads.add(threading.get_ident())
        return make(tools)

    monkeypatch.setattr(Tools, "of", noting)
    async with saying(tmp_path, "Nothing.") as server:
        await chat(server, "caller", tools=[TOOL])

    assert threads and threading.get_ident() not in threads
