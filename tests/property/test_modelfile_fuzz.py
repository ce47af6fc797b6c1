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
from modelfile_grammar.template import Limits, Template, TemplateError, render_prompt

SECONDS = float(os.environ.get("PYOLLAMA_FUZZ_SECONDS", "4"))
LIMITS = Limits(steps=20_000, output=200_000, depth=100)

WORDS = ["FROM ", "SYSTEM ", "PARAMETER ", "MESSAGE ", "TEMPLATE ", "REQUIRES ", "stop ", "num_ctx ", "user ", "temp"]
WORDS += ['"""', '"', "#", "\n", "\r\n", "\r", "\t", " ", "\ufeff", "\u00a0", "\u200b", "\0", "1", "0.5", "foo", "v1.2"]
FILES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(WORDS), max_size=40).map(lambda parts: "".join(parts).encode()),
    st.lists(st.sampled_from(WORDS), max_size=40).map(lambda parts: b"\xff\xfe" + "".join(parts).encode("utf-16-le")),
)

ACTIONS = ["if .a", "else", "else if .b", "end", "range .Messages", "range $i, $m := .Messages", "with .System"]
ACTIONS += ['define "t"', 'template "t" .', 'template ""', 'block "b" .', "continue", "$x := .a", "break", "$x"]
ACTIONS += [".Content", "$m.Role", "json .", "len .", "index . 0", "slice .a 1", 'printf "%*d" 99999 .a', "/* */", "("]
ACTIONS += ['printf "%v%v%v" . . .', "html .", "js .", "urlquery .", "eq . 1", "lt . 1", "range 99999", "and", "nil"]
ACTIONS += ["$x = print $x $x", "."]
PIECES = [f"{{{{{left}{action}{right}}}}}" for action in ACTIONS for left, right in ((" ", " "), ("- ", " -"))]
PIECES += ["text", "\n ", "{{", "}}", "{{`", "é", "`}}", '{{ "', '" }}', "'"]
PIECES += ["{{ 1" + " | print" * 300 + " }}", "{{ " + "(" * 200, "{{ if 1 }}" * 150, "{{ " + ".a" * 500 + " }}"]
TEMPLATES = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.text(max_size=80).map(lambda text: "{{" + text + "}}"),
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
MESSAGES = st.lists(st.fixed_dictionaries({"role": ROLES, "content": st.text(max_size=9)}), max_size=4)
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
        format_modelfile(tree)
        print_modelfile(tree.commands)
        build(tree)
    except ModelfileSyntaxError as error:
        error.picture()


def check_template(text: str, messages: list[dict[str, str]]) -> None:
    detect(text)
    try:
        template = Template.parse(text)
        render_prompt(template, messages=messages, limits=LIMITS).encode()
        template.render({"a": "x", "b": [1, None], "System": {"k": 1.5}}, limits=LIMITS).encode()
    except TemplateError as error:
        assert str(error)


@pytest.mark.timeout(SECONDS + 300)
def test_modelfiles_survive() -> None:
    under_fire(check_modelfile, FILES)


@pytest.mark.timeout(SECONDS + 300)
def test_templates_survive() -> None:
    under_fire(check_template, TEMPLATES, MESSAGES)
