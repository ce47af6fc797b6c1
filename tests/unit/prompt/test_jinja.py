"""What goes to the renderer of the GGUF's own template."""

import json

from pyollama.prompt import jinja
from pyollama.prompt.effort import Effort
from pyollama.wire.chat import CalledFunction, Message, Tool, ToolCall, ToolFunction, ToolParameters

PROPERTIES: dict[str, dict[str, object]] = {"z": {"type": "string"}, "a": {"type": "number", "minimum": 3}}
TOOL = Tool(ToolFunction("f", None, ToolParameters(required=["z"], properties=PROPERTIES)))


def test_tools_keep_their_order() -> None:
    """A124"""
    request = json.loads(jinja.request([Message("user", "x")], [TOOL], Effort()))
    assert list(request["tools"][0]["function"]["parameters"]["properties"].items()) == list(PROPERTIES.items())
    assert request["tools"][0]["type"] == "function"


def test_calls_take_the_form_of_openai() -> None:
    call = ToolCall(CalledFunction("f", {"z": "ä", "a": 1}), id="call_1")
    messages = [
        Message("assistant", thinking="hm", tool_calls=[call]),
        Message("tool", "6", tool_name="f", tool_call_id="call_1"),
    ]
    assistant, tool = json.loads(jinja.request(messages, [], Effort()))["messages"]
    assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"z": "ä", "a": 1}'}
    assert (assistant["content"], assistant["reasoning_content"]) == ("", "hm")
    assert (tool["tool_call_id"], tool["name"]) == ("call_1", "f")


def test_thinking_is_only_mentioned_when_it_is_set() -> None:
    plain = json.loads(jinja.request([], [], Effort()))
    hard = json.loads(jinja.request([], [], Effort.parse("high")))
    off = json.loads(jinja.request([], [], Effort.parse(False)))
    on = json.loads(jinja.request([], [], Effort.parse(True)))
    assert not {"enable_thinking", "reasoning_effort"} & plain.keys()
    assert (hard["enable_thinking"], hard["reasoning_effort"]) == (True, "high")
    assert off["enable_thinking"] is False and "reasoning_effort" not in off
    assert on["enable_thinking"] is True and "reasoning_effort" not in on  # api.md 5.8: for texts only


def test_the_tag_of_calls_is_read_off_the_template() -> None:
    assert jinja.tag_of_calls("{{ '<tool_call>' }}") == "<tool_call>"
    assert jinja.tag_of_calls("{{ messages }}") == "{"
