"""Both languages under fire for a while: nothing but their own errors may come out.

PYOLLAMA_FUZZ_SECONDS says for how long; CI gives it a minute, a release an hour.
"""

import os
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from modelfile_grammar import ModelfileSyntaxError, build, parse, print_modelfile
from modelfile_grammar.formatter import format_modelfile
from modelfile_grammar.known import detect
from modelfile_grammar.lint import lint
from modelfile_grammar.source import decode
from modelfile_grammar.template import Limits, Template, TemplateError, render_prompt

SECONDS = float(os.environ.get("PYOLLAMA_FUZZ_SECONDS", "4"))
LIMITS = Limits(steps=20_000, output=200_000, depth=100)

WORDS = ["FROM ", "SYSTEM ", "PARAMETER ", "MESSAGE ", "TEMPLATE ", "REQUIRES ", "stop ", "num_ctx ", "user ", "temp"]
WORDS += ['"""', '"', "#", "\n", "\r\n", "\r", "\t", " ", "\ufeff", "\u00a0", "\u200b", "\0", "1", "0.5", "foo", "v1.2"]
HEADS = [
    "FROM ",
    "from\t",
    "SYSTEM ",
    " system  ",
    "TEMPLATE ",
    "PROMPT ",
    "LICENSE ",
    "ADAPTER ",
    "DRAFT ",
    "RENDERER ",
]
HEADS += [
    "REQUIRES ",
    "MESSAGE user ",
    "message Assistant\t",
    "PARAMETER stop ",
    "PARAMETER num_ctx ",
    "PARAMETER tfs_z ",
]
HEADS += ["PARAMETER  top_p ", "parameter use_mmap ", "PARAMETER nope ", "# ", " #", "", "\ufeff", "\u00a0"]
VALUES = st.one_of(
    st.sampled_from(["x", "1", "0.5", "true", "v1.2"]), st.text(max_size=9), st.text('" a\t\r\n#', max_size=9)
)
BREAKS = st.sampled_from(["\n", "\n", "\r\n", "\r", " \n", '"\n', '"""\n'])
LINES = st.tuples(st.sampled_from(HEADS), st.sampled_from(["", "", '"', '"""']), VALUES, BREAKS).map("".join)
TEXTS = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
    st.lists(LINES, max_size=12).map("".join),
    st.lists(LINES, max_size=12).map(lambda lines: "FROM x\n" + "".join(lines)),
)
FILES = st.one_of(
    st.binary(max_size=300),
    TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")),
    TEXTS.map(lambda text: b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")),
)

BLOCKS = [
    "if .a",
    "if .ToolCalls",
    "if and .System .Tools",
    "range .Messages",
    "range $i, $m := .Messages",
    "with .System",
]
BLOCKS += [
    "range .ToolCalls",
    "range $k, $v := .Properties",
    "range .Tools",
    "range 99999",
    "with $x := .b",
    "range $v := .b",
]
BLOCKS += ["if eq .Role `user`", "if .Thinking", "with .Function.Arguments", "range .", 'block "b" .', "range 3"]
ACTIONS = [
    'template "t" .',
    'template ""',
    "continue",
    "$x := .a",
    "break",
    "$x",
    "$x = print $x $x",
    "$m.Role",
    "/* */",
    ".",
]
ACTIONS += [".Content", "json .", "len .", "index . 0", "slice .a 1", 'printf "%*d" 99999 .a', "(", "else if .b", "end"]
ACTIONS += ['printf "%v%v%v" . . .', "html .", "js .", "urlquery .", "eq . 1", "lt . 1", "and", "nil", "or .System .a"]
ACTIONS += [
    ".Thinking",
    ".Tools",
    ".Function",
    ".Function.Arguments",
    "$.Suffix",
    ".Response",
    "toTypeScriptType .",
    "else",
]
PIECES = [f"{{{{{left}{action}{right}}}}}" for action in ACTIONS + BLOCKS for left, right in ((" ", " "), ("- ", " -"))]
PIECES += ["text", "\n ", "{{", "}}", "{{`", "é", "`}}", '{{ "', '" }}', "'", "{{ end }}", '{{ define "t" }}']
PIECES += ["{{ 1" + " | print" * 300 + " }}", "{{ " + "(" * 200, "{{ if 1 }}" * 150, "{{ " + ".a" * 500 + " }}"]
LEAVES = [
    "text",
    " \n",
    "<t>",
    *(f"{{{{ {action} }}}}" for action in ACTIONS[:-2] if action not in ("(", "end", "else if .b")),
]
ENDS = ["{{ end }}", "{{- end -}}", "{{ else }}no{{ end }}"]
BALANCED = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.builds("{{{{ {} }}}}{}{}".format, st.sampled_from(BLOCKS), inner, st.sampled_from(ENDS)),
    ),
)
DEFINED = BALANCED.map(lambda text: '{{ $x := "" }}{{ $m := . }}{{ define "t" }}' + text + "{{ end }}" + text)
TEMPLATES = st.one_of(
    BALANCED,
    DEFINED,
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.text(max_size=80).map(lambda text: "{{" + text + "}}"),
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
CALLS = st.lists(st.just({"function": {"name": "f", "arguments": {"a": [1, None]}}}), max_size=2)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": ROLES, "content": st.text(max_size=9)},
        optional={"thinking": st.text(max_size=9), "tool_calls": CALLS},
    ),
    max_size=4,
)
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": ["string"]}}}}}]
BATCH = settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def under_fire(check: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
    """Run a check on generated input, with one seed after another, until half of the time is up."""
    end = time.monotonic() + SECONDS / 2
    for number in count():
        seed(number)(BATCH(given(*strategies)(check)))()
        if time.monotonic() > end:
            return


def check_modelfile(source: bytes) -> None:
    lint(source)
    try:
        tree = parse(source)
    except ModelfileSyntaxError as error:
        assert error.picture().startswith(str(error))
        return
    assert str(tree) == decode(source)
    assert parse(str(tree)) == tree
    assert parse(print_modelfile(tree.commands)).commands == tree.commands
    formatted = format_modelfile(tree)
    assert format_modelfile(parse(formatted)) == formatted
    try:
        build(tree)
    except ModelfileSyntaxError as error:
        assert error.picture().startswith(str(error))


def check_template(text: str, messages: list[dict[str, str]]) -> None:
    detect(text)
    try:
        template = Template.parse(text)
        "".join(render_prompt(template, messages=messages, tools=TOOLS, limits=LIMITS)).encode()
        "".join(render_prompt(template, prompt="a", suffix="b", limits=LIMITS)).encode()
        template.render({"a": "x", "b": [1, None], "System": {"k": 1.5}}, limits=LIMITS).encode()
    except TemplateError as error:
        assert str(error)


@pytest.mark.timeout(SECONDS + 300)
def test_modelfiles_survive() -> None:
    under_fire(check_modelfile, FILES)


@pytest.mark.timeout(SECONDS + 300)
def test_templates_survive() -> None:
    under_fire(check_template, TEMPLATES, MESSAGES)
