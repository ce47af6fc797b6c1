"""Templates: any text compiles or raises our error, and rendering ends in text or in our error."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelfile_grammar.known.distance import edit_distance
from modelfile_grammar.template import Limits, Template, TemplateError, TemplateSyntaxError, render_prompt
from modelfile_grammar.template.gotext.gojson import to_json

PIECES = [
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "if",
    "range",
    "with",
    "end",
    "else",
    "define",
    "block",
    "template",
    "break",
    '"t"',
]
PIECES += [" ", ".", "$", "$x", ":=", "=", ",", "|", "(", ")", ".Messages", ".Content", ".Role", "printf", "index"]
PIECES += [
    "1",
    "slice",
    "json",
    '"%v"',
    "`",
    "'a'",
    "/*",
    "*/",
    "\n",
    "text",
    "é",
    "nil",
    "true",
    "eq",
    "len",
    ".ToolCalls",
]
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
TEXTS = st.one_of(TEXTS, TEXTS.map(lambda text: "{{ " + text + " }}"))
SMALL = Limits(steps=20_000, output=100_000, depth=50)

INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)
SHORT = st.one_of(st.none(), st.text(max_size=3), st.dictionaries(st.sampled_from(["name", "arguments"]), JSON))
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "other"]), "content": st.text(max_size=8)},
        optional={"thinking": st.text(max_size=4), "tool_calls": st.lists(SHORT, max_size=1)},
    ),
    max_size=4,
)


@given(TEXTS, st.dictionaries(st.sampled_from(["Messages", "Content", "Role", "x"]), JSON))
def test_any_text_renders_or_raises_our_error(text: str, data: dict[str, Any]) -> None:
    try:
        rendered = Template.parse(text).render(data, limits=SMALL)
    except TemplateSyntaxError as error:
        assert error.line >= 1
        assert str(error).startswith(f"template: :{error.line}: ")
    except TemplateError as error:
        assert str(error)
    else:
        rendered.encode()


@given(TEXTS, MESSAGES, st.lists(st.dictionaries(st.sampled_from(["type", "function"]), SHORT), max_size=2))
def test_any_messages_render_or_raise_our_error(
    text: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> None:
    try:
        rendered = "".join(render_prompt(Template.parse(text), messages=messages, tools=tools, limits=SMALL))
    except TemplateError:
        return
    rendered.encode()


SECRET = "\ue000"  # in no template
OUTSIDE = st.text(alphabet=SECRET + "é☃\udc80x", min_size=1, max_size=8).map(lambda text: SECRET + text)
TALK = st.lists(
    st.fixed_dictionaries(
        {"role": st.one_of(st.sampled_from(["system", "user", "assistant", "tool"]), OUTSIDE), "content": OUTSIDE},
        optional={
            "thinking": OUTSIDE,
            "tool_name": OUTSIDE,
            "tool_calls": st.just([{"function": {"name": SECRET, "arguments": {SECRET: [SECRET, 1]}}}]),
        },
    ),
    min_size=1,
    max_size=4,
)
PRINTING = [
    ".Content",
    ".Role",
    ".ToolCalls",
    ".",
    "json .",
    "html .Content",
    "$.System",
    "$x",
    'print "<s>" .Content',
    'printf "<s>%s%v|%5s" .Content .Role .Thinking',
    'printf (print "%s" .Content) "<s>"',
    "slice .Content 0 3",
    "slice .Content 1",
    'slice (print "<s>" .Content "<e>") 1 7',
    'or .Thinking "<s>"',
    'with .Thinking }}<s>{{ print . "<s>" }}{{ end',
    'if .Thinking }}{{ template "t" .Thinking }}{{ else }}{{ template "t" $x }}{{ end',
]


@given(st.lists(st.tuples(st.sampled_from(PRINTING), st.booleans()), min_size=1, max_size=8), TALK)
def test_nothing_from_outside_is_in_a_fragment_of_the_template(
    actions: list[tuple[str, bool]], messages: list[dict[str, Any]]
) -> None:
    kept = ["{{ $x = " + one + " }}" if keep and " }}" not in one else "{{ " + one + " }}" for one, keep in actions]
    text = '{{ $x := "<s>" }}{{ range .Messages }}' + "".join(kept) + "{{ $x }}{{ end }}"
    template = Template.parse(text + '{{ define "t" }}<t>{{ . }}<t>{{ end }}')
    try:
        found = render_prompt(template, messages=messages, limits=SMALL)
    except TemplateError:  # a slice beyond the end
        return

    assert not set("".join(found[::2])) & {*SECRET, "é", "☃", "\ufffd"}
    assert all(found[1:])


@given(st.text(alphabet="ab{}\n é\\\"'", max_size=30))
def test_text_without_actions_comes_out_as_it_is(text: str) -> None:
    if "{{" not in text:
        assert Template.parse(text).render({}) == text


@given(JSON)
def test_values_encode_as_json_that_reads_back(value: Any) -> None:
    assert normal(json.loads(to_json(value, lambda count: None))) == normal(value)


def normal(value: Any) -> Any:
    """Numbers compare by value, lone surrogates become replacement characters as they do in JSON."""
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [normal(one) for one in value]
    if isinstance(value, dict):
        return {normal(key): normal(one) for key, one in value.items()}
    return value


def plain_distance(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (one != other))
    return row[-1]


@given(st.text(alphabet="abc", max_size=20), st.text(alphabet="abc", max_size=20), st.integers(1, 20))
def test_the_edit_distance_is_the_plain_one_below_the_limit(a: str, b: str, limit: int) -> None:
    distance = plain_distance(a, b)

    assert edit_distance(a, b, limit) == (distance if distance < limit else None)


def test_rendering_does_not_use_the_stack_of_python() -> None:
    deep = '{{ define "t" }}{{ if .Next }}{{ template "t" .Next }}{{ else }}end{{ end }}{{ end }}{{ template "t" . }}'
    data: dict[str, Any] = {}
    for _ in range(900):
        data = {"Next": data}

    before = sys.getrecursionlimit()
    assert Template.parse(deep).render({"Next": data}) == "end"
    assert sys.getrecursionlimit() == before


def test_a_number_too_long_to_print_is_our_error() -> None:
    with pytest.raises(TemplateError):
        Template.parse('{{ printf "%d" .x }}').render({"x": 10**5000})
