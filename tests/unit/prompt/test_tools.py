"""Tool calls found in a stream of text."""

from typing import Any

import pytest

from pyollama.prompt.calls import Tools
from pyollama.prompt.tools import ToolParser

NAMES = ["get_weather", "get", "add"]
Call = tuple[str, dict[str, Any]]

STREAMS: dict[str, tuple[str, list[str], list[tuple[list[Call], str]], str]] = {
    "P1": (
        "<tool_call>",
        ["Let me see <tool", '_call>{"name":"get_weather","arguments":{"city":"Oslo"}}', "</tool_call> bye"],
        [([], "Let me see "), ([("get_weather", {"city": "Oslo"})], ""), ([], "")],
        "",
    ),
    "P2": (
        "<tool_call>",
        ['<tool_call>{"name":"nope","arguments":{}}</tool_call> after'],
        [([], "")],
        '<tool_call>{"name":"nope","arguments":{}}</tool_call> after',
    ),
    "P3": ("{", ['{"name":"add","parameters":{"a":1}}'], [([("add", {"a": 1})], "")], ""),
    "P4": (
        "{",
        ['Sure: {"name":"add","parameters":{"a":1}}'],
        [([], 'Sure: {"name":"add","parameters":{"a":1}}')],
        "",
    ),
    "P5": ("{", ['{"x":1}', " more"], [([], '{"x":1}'), ([], " more")], ""),
    "P6": ("{", ['{"name":"add"}'], [([], '{"name":"add"}')], ""),
    "P7": ("{", ['{"add":{"a":1}}'], [([("add", {"a": 1})], "")], ""),
    "P8": (
        "[",
        ['[{"name":"add","arguments":{"a":1}},', '{"name":"get","arguments":"{\\"k\\":2}"}]'],
        [([("add", {"a": 1})], ""), ([("get", {"k": 2})], "")],
        "",
    ),
    "P9": ("[TOOL_CALLS]", ['[TOOL_CALLS] [{"name": "get", "arguments": {}}]'], [([("get", {})], "")], ""),
    "P10": ("<t>", ['<t>get_weather\n```json\n{"city":"X"}\n```'], [([("get_weather", {"city": "X"})], "")], ""),
    "P11": ("<t>", ['<t>{"name":"get', '_weather","arguments":{}}'], [([], ""), ([("get_weather", {})], "")], ""),
    "P12": (
        "<t>",
        ['<t>{"tool_calls":[{"function":{"name":"add","arguments":{"a":2}}}]}'],
        [([("add", {"a": 2})], "")],
        "",
    ),
    "P13": ("{", ['{"name":"add","arguments":{"a":"}"}}'], [([("add", {"a": "}"})], "")], ""),
}


def run(parser: ToolParser, chunk: str) -> tuple[list[Call], str]:
    content, calls = parser.add(chunk)
    return [(call.function.name, call.function.arguments) for call in calls], content


@pytest.mark.parametrize(("tag", "chunks", "expected", "rest"), STREAMS.values(), ids=STREAMS.keys())
def test_chunks_are_read_as_the_specification_says(
    tag: str, chunks: list[str], expected: list[tuple[list[Call], str]], rest: str
) -> None:
    parser = ToolParser(tag, Tools(NAMES))
    assert [run(parser, chunk) for chunk in chunks] == expected
    assert parser.finish() == (rest, [])


@pytest.mark.parametrize("tag", ["<t>", "{", "["])
def test_the_size_of_the_chunks_does_not_matter(tag: str) -> None:
    calls = '{"name":"add","arguments":{"s":"} ] \\" {","n":{"x":[]}}},\n{"name":"get_weather","arguments":{}}'
    text = {"<t>": f"Well <t>{calls}", "{": calls.replace(",\n", "\n"), "[": f"[{calls}]"}[tag]
    parser = ToolParser(tag, Tools(NAMES))

    parts = [parser.add(letter) for letter in text] + [parser.finish()]

    assert [(call.function.index, call.function.name) for _, made in parts for call in made] == [
        (0, "add"),
        (1, "get_weather"),
    ]
    assert "".join(content for content, _ in parts).strip() == ("Well" if tag == "<t>" else "")


def test_the_order_of_arguments_is_kept() -> None:
    """A114"""
    parser = ToolParser("{", Tools(["add"]))
    _, calls = parser.add('{"name":"add","arguments":{"z":1,"a":2,"m":3}}')
    assert list(calls[0].function.arguments) == ["z", "a", "m"]


def test_calls_have_an_id_of_eight_letters_or_digits() -> None:
    """A113"""
    _, calls = ToolParser("{", Tools(["add"])).add('{"name":"add","arguments":{}}')
    prefix, _, rest = calls[0].id.partition("_")
    assert prefix == "call" and len(rest) == 8 and rest.isalnum() and rest.islower() | rest.isdigit()


def test_an_argument_called_name_is_no_second_call() -> None:
    _, calls = ToolParser("{", Tools(["add"])).add('{"add":{"name":"bob"}}')
    assert [call.function.arguments for call in calls] == [{"name": "bob"}]


def test_json_that_is_not_complete_is_content_at_the_end() -> None:
    """A119"""
    parser = ToolParser("{", Tools(["add"]))
    assert parser.add('{"colour": "re') == ("", [])
    assert parser.finish() == ('{"colour": "re', [])


def test_a_part_of_the_tag_is_content_at_the_end() -> None:
    parser = ToolParser("<tool_call>", Tools(["add"]))
    assert parser.add("a <tool") == ("a ", [])
    assert parser.finish() == ("<tool", [])


def test_d21_what_became_no_call_is_content_with_every_tag() -> None:
    """A119"""
    parser = ToolParser("[TOOL_CALLS]", Tools(["add"]))
    assert parser.add('a [TOOL_CALLS]{"name": "nope", "arguments": {}}') == ("a ", [])
    assert parser.finish() == ('[TOOL_CALLS]{"name": "nope", "arguments": {}}', [])


def test_b12_the_word_before_names_the_tool_when_the_object_does_not() -> None:
    parser = ToolParser("[TOOL_CALLS]", Tools(["foo", "bar"]))
    content, calls = parser.add('[TOOL_CALLS]foo{"name":"bar"}')
    assert (content, [(call.function.name, call.function.arguments) for call in calls]) == (
        "",
        [("foo", {"name": "bar"})],
    )


def test_b12_the_object_names_its_tool_before_the_word_does() -> None:
    parser = ToolParser("<t>", Tools(["foo", "bar"]))
    _, calls = parser.add('<t>foo {"arguments":{"x":"foo"},"name":"bar"}')
    assert [(call.function.name, call.function.arguments) for call in calls] == [("bar", {"x": "foo"})]
