"""Answers with tool calls in the formats that models are trained on, and what is to be read from them."""

from __future__ import annotations

from typing import Any, NamedTuple

from pyollama.wire.chat import Tool, ToolFunction, ToolParameters

PROPERTIES: dict[str, dict[str, Any]] = {
    "city": {"type": "string"},
    "days": {"type": "integer"},
    "exact": {"type": "boolean"},
    "places": {"type": "array"},
}
TOOLS = [
    Tool(ToolFunction(name, None, ToolParameters(properties=PROPERTIES))) for name in ("get_weather", "get", "add")
]

Call = tuple[str, dict[str, Any]]
OSLO: Call = ("get_weather", {"city": "Oslo"})
ROME: Call = ("get_weather", {"city": "Rome"})


class Answer(NamedTuple):
    tag: str
    text: str
    calls: list[Call]
    content: str = ""


TRICKY = '{"name": "add", "arguments": {"s": "} ] \\" { get_weather </tool_call> \\\\", "n": {"name": "get", "x": []}}}'
TRICKED: Call = ("add", {"s": '} ] " { get_weather </tool_call> \\', "n": {"name": "get", "x": []}})

CORPUS: dict[str, Answer] = {
    "hermes": Answer(
        "<tool_call>",
        'Let me see.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
        [OSLO],
        "Let me see.\n",
    ),
    "hermes, two": Answer(
        "<tool_call>",
        '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo"}}\n</tool_call>\n'
        '<tool_call>\n{"arguments": {"city": "Rome"}, "name": "get_weather"}\n</tool_call>',
        [OSLO, ROME],
    ),
    "hermes, strings full of traps": Answer("<tool_call>", f"<tool_call>{TRICKY}</tool_call>", [TRICKED]),
    "hermes, the second is no tool": Answer(
        "<tool_call>",
        '<tool_call>{"name": "get", "arguments": {}}</tool_call>'
        '<tool_call>{"name": "nope", "arguments": {}}</tool_call>',
        [("get", {})],
        '<tool_call>{"name": "nope", "arguments": {}}</tool_call>',
    ),
    "hermes, only the second is a tool": Answer(
        "<tool_call>",
        'a<tool_call>{"name": "nope"}</tool_call><tool_call>{"name": "get", "arguments": {}}</tool_call>',
        [("get", {})],
        'a<tool_call>{"name": "nope"}</tool_call>',
    ),
    "hermes, cut off": Answer(
        "<tool_call>", 'Well <tool_call>{"name": "get", "argum', [], 'Well <tool_call>{"name": "get", "argum'
    ),
    "hermes, no JSON": Answer(
        "<tool_call>", "<tool_call>{'name': get}</tool_call>", [], "<tool_call>{'name': get}</tool_call>"
    ),
    "hermes, arguments as text": Answer(
        "<tool_call>",
        '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}</tool_call>',
        [OSLO],
    ),
    "hermes, no arguments": Answer("<tool_call>", '<tool_call>{"name": "get", "arguments": null}', [("get", {})]),
    "hermes, 64 bits": Answer(
        "<tool_call>",
        '<tool_call>{"name": "add", "arguments": {"a": 1234567890123456789, "b": -9223372036854775808}}</tool_call>',
        [("add", {"a": 1234567890123456789, "b": -9223372036854775808})],
    ),
    "hermes, more than 64 bits": Answer(
        "<tool_call>",
        '<tool_call>{"name": "add", "arguments": {"a": 18446744073709551615, "b": 1' + "0" * 400 + ', "c": 1e999}}',
        [("add", {"a": 18446744073709551615, "b": float("inf"), "c": float("inf")})],
    ),
    "openai's form": Answer(
        "<tool_call>",
        '<tool_call>{"tool_calls": [{"type": "function", "function": {"name": "get", "arguments": "{}"}}, '
        '{"type": "function", "function": {"name": "add", "arguments": {"a": 2}}}]}</tool_call>',
        [("get", {}), ("add", {"a": 2})],
    ),
    "llama 3, python tag": Answer(
        "<|python_tag|>",
        '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Oslo"}}; '
        '{"name": "get_weather", "parameters": {"city": "Rome"}}',
        [OSLO, ROME],
    ),
    "llama 3, bare": Answer("{", '{"name": "get_weather", "parameters": {"city": "Oslo"}}', [OSLO]),
    "llama 3, bare, several": Answer(
        "{",
        ' {"name": "get_weather", "parameters": {"city": "Oslo"}}; \n{"type": "function", "name": "get_weather", '
        '"parameters": {"city": "Rome"}}\n',
        [OSLO, ROME],
        " ",
    ),
    "bare, then prose": Answer("{", '{"name": "get", "arguments": {}}; done {1}', [("get", {})], "; done {1}"),
    "bare, an answer in JSON": Answer("{", '{"x": {"y": "}"}} is it', [], '{"x": {"y": "}"}} is it'),
    "bare, code": Answer("{", 'Sure: {"name": "get", "arguments": {}}', [], 'Sure: {"name": "get", "arguments": {}}'),
    "bare, cut off": Answer("{", '{"colour": "re', [], '{"colour": "re'),
    "llama 3, function elements": Answer("<function=", '<function=get_weather>{"city": "Oslo"}</function>', [OSLO]),
    "mistral": Answer(
        "[TOOL_CALLS]",
        '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Oslo"}}, '
        '{"name": "get_weather", "arguments": {"city": "Rome"}}]',
        [OSLO, ROME],
    ),
    "mistral nemo, ids": Answer(
        "[TOOL_CALLS][",
        '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Oslo"}, "id": "123456789"}]</s>',
        [OSLO],
    ),
    "mistral small, brackets": Answer(
        "[TOOL_CALLS]",
        'Yes.[TOOL_CALLS]get_weather[CALL_ID]VvvODy9mT[ARGS]{"city": "Oslo"}[TOOL_CALLS]get[ARGS]{"name": "add"}',
        [OSLO, ("get", {"name": "add"})],
        "Yes.",
    ),
    "mistral, a name in the arguments": Answer(
        "[TOOL_CALLS]", '[TOOL_CALLS]get{"name":"add"}', [("get", {"name": "add"})]
    ),
    "a list": Answer(
        "[",
        '[{"name": "get", "arguments": {"s": "]"}}, {"name": "add", "arguments": {"l": [1, [2]]}}]',
        [("get", {"s": "]"}), ("add", {"l": [1, [2]]})],
    ),
    "a list that is none of calls": Answer("[", '[see ["]"], {"a": 1}] for more', [], '[see ["]"], {"a": 1}] for more'),
    "a list, one no tool": Answer(
        "[",
        '[{"name": "get", "arguments": {}}, {"name": "nope", "arguments": {}}]',
        [("get", {})],
        '{"name": "nope", "arguments": {}}',
    ),
    "a list, cut off": Answer("[", '[{"name": "get", "argu', [], '[{"name": "get", "argu'),
    "command r": Answer(
        "Action: ```json",
        'Action: ```json\n[\n    {\n        "tool_name": "get_weather",\n        "parameters": {"city": "Oslo"}\n'
        "    }\n]```",
        [OSLO],
    ),
    "command r7b": Answer(
        "<|START_ACTION|>",
        '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "Oslo"}}\n]'
        "<|END_ACTION|>",
        [OSLO],
    ),
    "granite": Answer("<|tool_call|>", '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]', [OSLO]),
    "granite 20b": Answer(
        "<function_call>", '<function_call> {"name": "get_weather", "arguments": {"city": "Oslo"}} ', [OSLO]
    ),
    "functionary 3.2": Answer(">>>", '>>>get_weather\n{"city": "Oslo"}>>>add\n{"a": 1}', [OSLO, ("add", {"a": 1})]),
    "functionary 3.2, prose": Answer(">>>", ">>>all\nHello", [], ">>>all\nHello"),
    "deepseek r1": Answer(
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
        '{"city": "Oslo"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        [OSLO],
    ),
    "deepseek 3.1": Answer(
        "<｜tool▁calls▁begin｜>",
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Oslo"}<｜tool▁call▁end｜>'
        '<｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Rome"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        [OSLO, ROME],
    ),
    "kimi": Answer(
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>"
        '{"city": "Oslo"}<|tool_call_end|><|tool_calls_section_end|>',
        [OSLO],
    ),
    "phi 4 mini": Answer(
        "functools[",
        'functools[{"name": "get_weather", "arguments": {"city": "Oslo"}}]',
        [OSLO],
    ),
    "firefunction": Answer(
        "functools[",
        'functools[{"name": "get_weather", "arguments": {"city": "Oslo"}}, {"name": "get", "arguments": {}}]',
        [OSLO, ("get", {})],
    ),
    "harmony": Answer(
        "<|channel|>commentary",
        '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Oslo"}',
        [OSLO],
    ),
    "nemotron": Answer(
        "<TOOLCALL>", '<TOOLCALL>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]</TOOLCALL>', [OSLO]
    ),
    "qwen coder": Answer(
        "<tool_call>",
        "I look.\n<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n"
        "</parameter>\n<parameter=exact>\nTrue\n</parameter>\n<parameter=places>\n[{}, 1]\n</parameter>\n"
        "</function>\n</tool_call>",
        [("get_weather", {"city": "Oslo", "days": 3, "exact": True, "places": [{}, 1]})],
        "I look.\n",
    ),
    "qwen coder, a text of many lines": Answer(
        "<tool_call>\n<function=",
        "<tool_call>\n<function=add>\n<parameter=city>\nif (a < b) {\n\n  x\n</parameter>\n</function>\n</tool_call>"
        "\n<tool_call>\n<function=get>\n</function>\n</tool_call>",
        [("add", {"city": "if (a < b) {\n\n  x"}), ("get", {})],
    ),
    "qwen coder, without its end": Answer(
        "<tool_call>", "<tool_call>\n<function=get>\n<parameter=days>\n3\n</parameter>\n", [("get", {"days": 3})]
    ),
    "qwen coder, cut off": Answer(
        "<tool_call>",
        "<tool_call><function=get><parameter=days>3</para",
        [],
        "<tool_call><function=get><parameter=days>3</para",
    ),
    "qwen coder, no such tool": Answer(
        "<tool_call>", "<tool_call><function=nope></function>", [], "<tool_call><function=nope></function>"
    ),
    "invoke elements": Answer(
        "<function_calls>",
        '<function_calls><invoke name="get_weather"><parameter name="city">Oslo</parameter></invoke></function_calls>',
        [OSLO],
    ),
    "a part of the tag": Answer("<tool_call>", "a < b <tool_c", [], "a < b <tool_c"),
    "the name is part of a word": Answer("<t>", '<t>forget {"x": 1}', [], '<t>forget {"x": 1}'),
    "the nearest name": Answer("<t>", '<t>add or get: get_weather {"city": "Oslo"}', [OSLO]),
    "half a surrogate pair": Answer("{", '{"name": "get", "arguments": {"s": "\\ud800"}}', [("get", {"s": "\ufffd"})]),
    "nested deep": Answer("{", '{"a":' * 3000 + "1" + "}" * 3000, [], '{"a":' * 3000 + "1" + "}" * 3000),
}
