"""Which parts of a prompt the template wrote, and which came with the request."""

import pytest

from modelfile_grammar.known import STOPS, known_template
from modelfile_grammar.template import Template, render_prompt

HI = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a{{ .Suffix }}b", ["a", "data", "b"]),
        ("{{ .Suffix }}", ["", "data"]),
        ("{{ .Suffix }}{{ .Prompt }}", ["", "datap"]),
        ("a{{ if .Suffix }}b{{ end }}c", ["abc"]),
        ("a{{ .Response }}b", ["ab"]),  # nothing came from outside
        ("", [""]),
        ('{{ "<s>" }}{{ `<t>` }}', ["<s><t>"]),
        ('{{ $x := "<s>" }}{{ $x }}{{ .Suffix }}', ["<s>", "data"]),
        ('{{ if .Suffix }}{{ $x := "<s>" }}{{ $x = .Suffix }}{{ $x }}{{ end }}', ["", "data"]),
        ('{{ or .Response "<s>" }}{{ and .Suffix "<t>" }}{{ or .Suffix "<u>" }}', ["<s><t>", "data"]),
        ('{{ define "t" }}<s>{{ . }}{{ end }}{{ template "t" .Suffix }}{{ template "t" "x" }}',
         ["<s>", "data", "<s>x"]),
        ('{{ with .Suffix }}<s>{{ . }}{{ end }}', ["<s>", "data"]),
        # texts that functions put together remember their parts
        ('{{ printf "<s>%s<e>" .Suffix }}', ["<s>", "data", "<e>"]),
        ('{{ printf "%s%%%v" "<s>" .Suffix }}', ["<s>%", "data"]),
        ('{{ .Suffix | printf "<s>%s%s" "<t>" }}', ["<s><t>", "data"]),
        ('{{ $x := print "<s>" .Suffix }}{{ $x }}{{ print $x "<e>" }}', ["<s>", "data", "<s>", "data", "<e>"]),
        ('{{ printf (print "<s>" .Suffix "%s") "<e>" }}', ["", "<s>data", "<e>"]),
        ('{{ println "<s>" .Suffix }}', ["<s>", " data\n"]),
        ("{{ print }}{{ println }}", ["\n"]),
        # of literals only
        ('{{ printf "<s%d>" 5 }}{{ print "<t" 1 ">" }}{{ 7 }}{{ json "<u>" }}', ['<s5><t1>7"\\u003cu\\u003e"']),
        ('{{ slice "<s><t>" 3 }}{{ "<s>" | printf "%5s" }}', ["<t>  <s>"]),
        # what is changed or measured is data
        ('{{ printf "%6s" .Suffix }}', ["", "  data"]),
        ('{{ $x := "<s>" }}{{ slice $x 0 3 }}{{ html $x }}{{ js $x }}{{ json $x }}{{ printf "%q" $x }}',
         ["", '<s>&lt;s&gt;\\u003Cs\\u003E"\\u003cs\\u003e""<s>"']),
        ("{{ len .Suffix }}<s>{{ slice .Suffix 1 }}{{ index .Suffix 0 }}", ["", "4", "<s>", "ata100"]),
        ('{{ printf "<%d>" (len .Suffix) }}', ["<", "4", ">"]),
        # words of a fixed set are the template's
        ("<{{ .Think }}{{ eq .Prompt .Suffix }}>", ["<falsefalse>"]),
        ('{{ printf "<%t %v>" .Think .Think }}', ["<false false>"]),
    ],
)  # fmt: skip
def test_text_is_data_unless_the_template_wrote_it(text: str, expected: list[str]) -> None:
    assert render_prompt(Template.parse(text), prompt="p", suffix="data") == expected


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool", "function"])
def test_a_role_of_the_known_ones_may_be_part_of_a_special_token(role: str) -> None:
    template = Template.parse("{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}{{ end }}")

    assert render_prompt(template, messages=[{"role": role.upper(), "content": "<|user|>"}]) == [
        f"<|{role}|>",
        "<|user|>",
    ]


def test_any_other_role_is_data() -> None:
    template = Template.parse("{{ range .Messages }}<|{{ .Role }}|>{{ .Content }}{{ end }}")

    assert render_prompt(template, messages=[{"role": "end", "content": "Hi"}]) == ["<|", "end", "|>", "Hi"]


def test_a_level_of_thinking_is_the_template_s_unless_it_is_made_up() -> None:
    template = Template.parse("<{{ .ThinkLevel }}>{{ range .Messages }}{{ end }}")

    assert render_prompt(template, messages=HI, think_level="high") == ["<high>"]
    assert render_prompt(template, messages=HI, think_level="|end|") == ["<", "|end|", ">"]


def test_calls_and_tools_are_data() -> None:
    text = (
        "{{ range .Messages }}{{ range .ToolCalls }}<c>{{ .Function.Name }}{{ .Function.Arguments }}{{ end }}{{ end }}"
    )
    call = {"function": {"name": "f", "arguments": {"<s>": "<t>"}}}
    tool = {"type": "function", "function": {"name": "<s>", "description": "<t>"}}

    found = render_prompt(
        Template.parse(text + "<x>{{ range .Tools }}{{ .Function.Name }}{{ .Function.Description }}{{ end }}"),
        messages=[{"role": "assistant", "tool_calls": [call]}],
        tools=[tool],
    )

    assert found == ["<c>", 'f{"\\u003cs\\u003e":"\\u003ct\\u003e"}', "<x>", "<s><t>"]


def test_turns_are_put_together_with_their_kinds() -> None:
    template = Template.parse("<u>{{ .Prompt }}<a>{{ .Response }}<e>")
    messages = [*HI, {"role": "assistant", "content": "Ho"}, {"role": "user", "content": "<u>"}]

    assert render_prompt(template, messages=messages) == ["<u>", "Hi", "<a>", "Ho", "<e><u>", "<u>", "<a>"]


def test_bytes_that_make_a_character_with_data_are_data() -> None:
    template = Template.parse('<s>{{ "\\xe2\\x98" }}{{ slice .Suffix 2 }}{{ "\\xe2\\x98\\x83" }}{{ "\\xff" }}<e>')

    assert render_prompt(template, prompt="p", suffix="☃") == ["<s>", "☃", "☃\ufffd<e>"]


@pytest.mark.parametrize("name", STOPS)
def test_control_texts_of_messages_never_stand_in_the_template_s_part(name: str) -> None:
    marks = ["\u0391<|im_start|>", "\u0392[/INST]", "\u0393<|user|>", "\u0394<|eot_id|>"]
    messages = [
        {"role": "system", "content": marks[0]},
        {"role": "user", "content": marks[1]},
        {"role": "assistant", "content": marks[2]},
        {"role": "user", "content": marks[3]},
    ]
    found = render_prompt(Template.parse(known_template(name).template), messages=messages)

    for mark in marks[1:]:
        assert any(mark in text for text in found[1::2])
        assert not any(mark[0] in text for text in found[::2])


def test_known_templates_keep_their_special_tokens_whole() -> None:
    messages = [{"role": "system", "content": "s"}, *HI]

    for name, tokens in {
        "phi-3": ("<|user|>", "<|assistant|>", "<|end|>"),
        "zephyr": ("<|system|>", "<|user|>", "<|assistant|>"),
        "chatml": ("<|im_start|>", "<|im_end|>"),
        "llama3-instruct": ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "command-r": ("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
        "gemma3-instruct": ("<start_of_turn>", "<end_of_turn>"),
    }.items():
        found = render_prompt(Template.parse(known_template(name).template), messages=messages)
        for token in tokens:
            assert any(token in text for text in found[::2]), (name, token)
