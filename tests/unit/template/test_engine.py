"""What the numbered cases leave open: places of errors, limits, safety, speed."""

from contextlib import suppress
from typing import Any

import pytest

from modelfile_grammar.template import (
    Limits,
    Template,
    TemplateCancelled,
    TemplateError,
    TemplateRunError,
    TemplateSyntaxError,
    render_prompt,
    thinking_tags,
    tool_call_tag,
)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("{{ .S", 1, 6),
        ("a\n{{ foo }}", 2, 4),
        ("a\n b {{ .S | 1 }}", 2, 12),
        ("{{ range .L }}\n{{ $y }}{{ end }}", 2, 4),
        ("\n\n{{ if .A }}", 3, 12),
    ],
)
def test_a_syntax_error_knows_line_and_column(text: str, line: int, column: int) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        Template.parse(text)

    assert (caught.value.line, caught.value.column) == (line, column)


def test_an_action_that_began_on_another_line_says_so() -> None:
    with pytest.raises(TemplateSyntaxError, match=r"^template: :3: unclosed action started at :1$"):
        Template.parse("{{ .S\n\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n  {{ .S.X }}", 'template: :2:7: executing "" at <.S.X>: can\'t evaluate field X in type string'),
        (
            '{{ index "é" 9 }}',
            'template: :1:3: executing "" at <index "é" 9>: error calling index: index out of range: 9',
        ),
        (
            '{{ define "t" }}{{ len 1 }}{{ end }}{{ template "t" . }}',
            'template: :1:19: executing "t" at <len 1>: error',
        ),
    ],
)
def test_a_run_time_error_names_the_place(text: str, message: str) -> None:
    with pytest.raises(TemplateRunError) as caught:
        Template.parse(text).render({"S": "x"})

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ .S\n.x# }}", ":2: bad character U+0023 '#' in action started at :1"),
        ("{{ (.S\n}}", ":2: unclosed left paren in action started at :1"),
        ("{{ .S }}\n{{/* x", ":2: unclosed comment"),
        ("{{ range\n.S | print }}{{ end }}", ':2:5: executing "" at <print>: range can\'t iterate over x'),
        (
            "{{ range $i, $v := len (print .S) }}{{ end }}",
            ':1:30: executing "" at <.S>: can\'t use 1 to iterate over more',
        ),
    ],
)
def test_an_error_stands_where_go_sees_it(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(text).render({"S": "x"})
    assert str(caught.value).startswith(f"template: {message}")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{ range 99999 }}{{ range 99999 }}{{ end }}{{ end }}", "steps"),
        ('{{ define "t" }}{{ template "t" . }}{{ end }}{{ template "t" . }}', "maximum template depth"),
        ('{{ $x := "ab" }}{{ range 99 }}{{ $x = print $x $x }}{{ end }}', "characters"),
        ('{{ printf "%9000000d%9000000d" 1 2 }}', "characters"),
        ("{{ range 999 }}{{ html . $ $ $ }}{{ end }}", "characters"),
    ],
)
@pytest.mark.timeout(20)
def test_a_template_without_end_fails_soon(text: str, complaint: str) -> None:
    with pytest.raises(TemplateRunError, match=complaint):
        Template.parse(text).render({"S": "x" * 100_000})


@pytest.mark.parametrize(
    "text",
    [
        "{{ $a := 1 }}" * 20_000 + "{{ $a }}" * 20_000,
        "{{ print " + "1 " * 100_000 + "}}",
        "{{ print " + "1 " * 100_000 + ", }}",
        "{{ if 1 }}" * 20_000,
        "{{ print ($a := 1) }}{{ $a }}" * 20_000,
        "{{/* */}}" * 50_000,
        "x" * 10_000_000,
    ],
    ids=range(7),
)
@pytest.mark.timeout(40)
def test_parsing_takes_time_in_proportion_to_the_text(text: str) -> None:
    with suppress(TemplateSyntaxError):
        Template.parse(text)


@pytest.mark.parametrize(
    ("number", "printed", "as_json"),
    [
        (1234567890123456789, "1234567890123456789", "1234567890123456789"),
        (2**64 - 1, "18446744073709551615", "18446744073709551615"),
        (-(2**63), "-9223372036854775808", "-9223372036854775808"),
        (2**64, "1.8446744073709552e+19", "18446744073709552000"),
        (1000000, "1000000", "1000000"),
        (1000000.0, "1e+06", "1000000"),
    ],
)
def test_an_integer_of_64_bits_keeps_its_digits_in_arguments(number: float, printed: str, as_json: str) -> None:
    """A430"""
    text = "{{ range .Messages }}{{ range .ToolCalls }}{{ .Function.Arguments.n }} {{ .Function.Arguments }}"
    call = {"function": {"name": "f", "arguments": {"n": number, "l": [{"n": number}]}}}
    messages = [{"role": "user", "tool_calls": [call]}]

    prompt = render_prompt(Template.parse(text + "{{ end }}{{ end }}"), messages=messages)

    assert "".join(prompt) == f'{printed} {{"l":[{{"n":{as_json}}}],"n":{as_json}}}'


def test_a_time_limit_holds_inside_of_functions_too() -> None:
    text = "{{ range 1000 }}" + "{{ range $.L }}{{ end }}" * 3 + "{{ slice $.S 1 99 }}{{ end }}"

    with pytest.raises(TemplateRunError, match=r"^template: not done after 0.01 seconds$"):
        Template.parse(text).render({"S": "x" * 100_000, "L": [1] * 300}, limits=Limits(seconds=0.01))


@pytest.mark.parametrize("limits", [Limits(steps=100), Limits(output=300), Limits(seconds=0)], ids=["s", "o", "t"])
def test_all_turns_of_a_conversation_share_one_budget(limits: Limits) -> None:
    template = Template.parse("{{ .Prompt }}{{ range 9 }}text{{ end }}{{ .Response }}")
    turn = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]

    with pytest.raises(TemplateRunError):
        render_prompt(template, messages=turn * (1000 if limits.seconds == 0 else 10), limits=limits)
    if limits.seconds:
        assert render_prompt(template, messages=turn, limits=limits)


@pytest.mark.parametrize(
    ("action", "before", "unit", "after"),
    [
        ("json .S", '"', "a\\u003cé☃\\u2028\\n", '"'),
        ('printf "%q" .S', '"', "a<é☃\\u2028\\n", '"'),
        ('printf "%x" .S', "", "613cc3a9e29883e280a80a", ""),
        ('printf "% X" .S', "", "61 3C C3 A9 E2 98 83 E2 80 A8 0A ", ""),
        ('printf "%# x" .S', "", "0x61 0x3c 0xc3 0xa9 0xe2 0x98 0x83 0xe2 0x80 0xa8 0x0a ", ""),
        ("html .S", "", "a&lt;é☃\u2028\n", ""),
        ("js .S", "", "a\\u003Cé☃\\u2028\\u000A", ""),
        ("urlquery .S", "", "a%3C%C3%A9%E2%98%83%E2%80%A8%0A", ""),
    ],
)
def test_long_texts_are_written_as_short_ones(action: str, before: str, unit: str, after: str) -> None:
    for times in (1, 13_000):  # one piece of native work, or several
        found = Template.parse("{{ " + action + " }}").render({"S": "a<é☃\u2028\n" * times})

        assert found == before + (unit * times).removesuffix(" ") + after


def test_many_keys_are_in_order() -> None:
    keys = [str(number * 7919 % 50_021) for number in range(50_021)]

    found = Template.parse("{{ range $k, $v := . }}{{ $k }} {{ end }}").render(dict.fromkeys(keys, 1))

    assert found.split() == sorted(keys)


def test_neighbours_of_one_role_are_merged_in_time_in_proportion_to_their_number() -> None:
    messages = [{"role": "user", "content": "x" * 40, "images": ["i"]}] * 200_000

    (before, content) = render_prompt(Template.parse("{{ range .Messages }}{{ .Content }}{{ end }}"), messages=messages)

    assert (before, len(content)) == ("", 200_000 * 42 - 2)


def test_data_too_large_is_refused_before_it_is_looked_at() -> None:
    call = {"function": {"name": "f", "arguments": {"a": [[]] * 5000}}}
    messages = [{"role": "assistant", "tool_calls": [call]}]

    with pytest.raises(TemplateRunError, match="output is longer than 1000 characters"):
        render_prompt(Template.parse("{{ range .Messages }}{{ end }}"), messages=messages, limits=Limits(output=1000))


def test_whoever_wants_a_prompt_may_stop_wanting_it() -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(TemplateCancelled):
        render_prompt(Template.parse("{{ range 100000 }}x{{ end }}"), prompt="a", suffix="b", cancelled=cancelled)
    assert len(asked) == 3


def test_a_template_of_too_many_words_is_refused() -> None:
    assert Template.parse("{{ .S }}" * 6000)
    with pytest.raises(TemplateSyntaxError, match=r"^template: :2: more than 20000 texts, words and marks$"):
        Template.parse("\n" + "{{ .S }}" * 7000)


def test_a_template_of_much_text_and_few_actions_is_fine() -> None:
    assert Template.parse("x" * 1_000_000 + "{{ .S }}").render({"S": "y"}).endswith("xy")


def test_limits_are_the_callers() -> None:
    template = Template.parse("{{ range 10 }}abc{{ end }}")

    assert template.render({}, limits=Limits(output=30)) == "abc" * 10
    with pytest.raises(TemplateRunError):
        template.render({}, limits=Limits(output=29))
    with pytest.raises(TemplateRunError):
        template.render({}, limits=Limits(steps=20))


def test_nesting_has_a_limit_in_the_text() -> None:
    assert Template.parse("{{ " + "(" * 90 + "1" + ")" * 90 + " }}").render({}) == "1"
    stages = "{{ 1" + " | print" * 90 + " }}"
    assert Template.parse(stages).render({}) == "1"
    for deep in (
        stages.replace("print", "print | print"),
        "{{ " + "(" * 999 + "1" + ")" * 999 + " }}",
        "{{ if 1 }}" * 999 + "{{ end }}" * 999,
    ):
        with pytest.raises(TemplateSyntaxError, match="levels deep"):
            Template.parse(deep)


@pytest.mark.parametrize("name", ["__class__", "__init__", "upper", "keys", "items", "values", "real", "name"])
@pytest.mark.parametrize("key", ["str", "list", "dict", "int", "record", "object"])
def test_no_attribute_of_any_object_is_reachable(name: str, key: str) -> None:
    class Host:
        secret = "s"

    data: dict[str, Any] = {"str": "x", "list": [1], "dict": {"a": 1}, "int": 1, "object": Host(), "record": None}
    template = Template.parse("{{ range .Messages }}{{ ." + name + " }}{{ end }}")
    with pytest.raises(TemplateRunError):
        render_prompt(template, messages=[{"role": "user", "content": "x"}])
    try:
        rendered = Template.parse("{{ ." + key + "." + name + " }}").render(data)
    except TemplateRunError:
        return
    assert rendered == "<no value>"


@pytest.mark.parametrize("text", ["{{ .x }}", "{{ json .x }}", '{{ printf "%v" .x }}', "{{ range .x }}{{ end }}"])
@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, (1, 2), {1: 2, "a": 3}, int, lambda: 1])
def test_other_types_are_an_error_not_a_leak(text: str, value: object) -> None:
    with pytest.raises(TemplateRunError):
        Template.parse(text).render({"x": value})


def test_an_else_branch_sees_no_variable_of_the_other_branch() -> None:
    template = Template.parse("{{ if .A }}{{ $x := 1 }}{{ else }}{{ $x }}{{ end }}")

    assert template.render({"A": True}) == ""
    with pytest.raises(TemplateRunError, match="undefined variable"):
        template.render({"A": False})


def test_a_skipped_declaration_leaves_the_outer_variable() -> None:
    text = "{{ $x := 0 }}{{ range .L }}{{ $y := and . ($x := 1) }}{{ $x }}{{ end }}"

    assert Template.parse(text).render({"L": [True, False, True]}) == "101"


def test_capabilities_come_from_the_tree() -> None:
    text = (
        "{{ .Suffix }}{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}"
        "{{ if .ToolCalls }}<call>{{ end }}{{ end }}{{ .Tools }}"
    )
    template = Template.parse(text)

    assert template.capabilities == {"tools", "insert", "thinking"}
    assert thinking_tags(template) == ("<think>", "</think>")
    assert tool_call_tag(template) == "<call>"
    assert Template.parse("{{ .Prompt }}").capabilities == frozenset()
    assert thinking_tags(Template.parse("{{ .Prompt }}")) is None


TOOL = {
    "type": "function",
    "function": {
        "name": "get_tide",
        "description": "Tides <now>",
        "parameters": {
            "type": "object",
            "required": ["harbour"],
            "properties": {
                "unit": {"type": ["string", "null"], "enum": ["m", "ft"]},
                "harbour": {"type": "string", "description": "name"},
                "when": {"anyOf": [{"type": "integer"}, {"type": "array"}]},
            },
        },
    },
}
TOOL_JSON = (
    '{"type":"function","function":{"name":"get_tide","description":"Tides \\u003cnow\\u003e","parameters":'
    '{"type":"object","required":["harbour"],"properties":{"harbour":{"type":"string","description":"name"},'
    '"unit":{"type":["string","null"],"enum":["m","ft"]},'
    '"when":{"anyOf":[{"type":"integer"},{"type":"array"}]}}}}}'
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ .Tools }}", f"[{TOOL_JSON}]"),
        ("{{ range .Tools }}{{ . }}{{ end }}", TOOL_JSON),
        ("{{ range .Tools }}{{ json . }}{{ end }}", TOOL_JSON),
        ("{{ range .Tools }}{{ .Function.Name }}{{ end }}", "get_tide"),
        ("{{ range .Tools }}{{ .Function }}{{ end }}", TOOL_JSON[len('{"type":"function","function":') : -1]),
        (
            "{{ range .Tools }}{{ range $n, $p := .Function.Parameters.Properties }}{{ $n }}: {{ $p.Type }} "
            "{{ toTypeScriptType $p }};{{ end }}{{ end }}",
            "harbour: string string;unit: [string null] string | null;when: [] number | any[];",
        ),
        ("{{ if .Tools }}y{{ end }}{{ len .Tools }}", "y1"),
        ("{{ toTypeScriptType .Tools }}", "any"),
    ],
)
def test_tools_look_as_templates_expect(text: str, expected: str) -> None:
    assert "".join(render_prompt(Template.parse(text + "{{ if .Messages }}{{ end }}"), tools=[TOOL])) == expected


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ({}, '{"type":"","properties":null}'),
        ({"parameters": {"type": "object"}}, '{"type":"object","properties":null}'),
        ({"parameters": {"properties": None}}, '{"type":"","properties":null}'),
        ({"parameters": {"properties": {}}}, '{"type":"","properties":{}}'),
    ],
)
def test_c18_a_tool_without_properties_looks_as_in_ollama(function: dict[str, Any], parameters: str) -> None:
    """Properties that nobody gave are null, an empty object of them is one; both can be gone through."""
    text = "{{ range .Tools }}{{ .Function.Parameters }}{{ range .Function.Parameters.Properties }}x{{ end }}{{ end }}"
    template = Template.parse(text + "{{ if .Messages }}{{ end }}")

    assert "".join(render_prompt(template, tools=[{"function": function}])) == parameters


def test_without_tools_the_list_is_empty() -> None:
    template = Template.parse("{{ if .Tools }}y{{ else }}n{{ end }}{{ .Tools }}{{ range .Messages }}{{ end }}")

    assert "".join(render_prompt(template)) == "n[]"


def test_messages_print_as_json_with_their_field_names() -> None:
    call = {"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"n": 2}}}
    messages = [{"role": "assistant", "content": "<x>", "tool_calls": [call]}]

    assert "".join(render_prompt(Template.parse("{{ json .Messages }}"), messages=messages)) == (
        '[{"Role":"assistant","Content":"\\u003cx\\u003e","Thinking":"","Images":null,'
        '"ToolCalls":[{"ID":"c1","Function":{"Index":0,"Name":"f","Arguments":{"n":2}}}],"ToolName":"","ToolCallID":""}]'
    )


def test_merging_keeps_calls_images_and_thoughts() -> None:
    text = "{{ range .Messages }}{{ .Content }}|{{ .Thinking }}|{{ len .Images }}|{{ len .ToolCalls }};{{ end }}"
    messages = [
        {"role": "assistant", "content": "a", "thinking": "t", "images": ["1"], "tool_calls": [{"function": {}}]},
        {"role": "assistant", "content": "b", "thinking": "u", "images": ["2"], "tool_calls": [{"function": {}}]},
    ]
    before = [dict(message) for message in messages]

    assert "".join(render_prompt(Template.parse(text), messages=messages)) == "a\n\nb|t\n\nu|2|2;"
    assert messages == before


def test_bytes_that_are_no_text_become_replacement_characters_unless_joined_again() -> None:
    assert Template.parse('{{ slice "é" 0 1 }}|{{ slice "é" 0 1 }}{{ slice "é" 1 }}').render({}) == "\ufffd|é"
    assert Template.parse('{{ "\\xff" }}').render({}) == "\ufffd"
    assert Template.parse("{{ .x }}").render({"x": "\ud800"}) == "\ufffd"
