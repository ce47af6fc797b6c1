"""How fast Modelfiles and templates are read and rendered.

    python bench/grammar.py

Prints milliseconds of the median run beside the goal of each, as JSON, and fails if a goal is missed: the prompt of a
chat with 50 messages for a plain template and for one with tools, reading those templates, parsing, linting and
formatting a Modelfile of 10,000 lines, and recognising the chat template of a model file.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from statistics import median
from typing import Any

from modelfile_grammar import parse
from modelfile_grammar.formatter import format_modelfile
from modelfile_grammar.known import detect, known_template
from modelfile_grammar.lint import lint
from modelfile_grammar.template import Template, render_prompt

N_MESSAGES = 50
MODELFILE = "FROM x\n" + 'PARAMETER stop "a"\n# comment\n\nSYSTEM """several\nlines"""\n' * 2000
WITH_TOOLS = """{{- if or .System .Tools }}<|im_start|>system
{{ .System }}
{{- if .Tools }}
# Tools
{{- range .Tools }}
{"type": "function", "function": {{ .Function }}}
{{- end }}{{ end }}<|im_end|>
{{ end }}
{{- range $i, $m := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 -}}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ if .Content }}{{ .Content }}
{{- else if .ToolCalls }}<tool_call>
{{ range .ToolCalls }}{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
{{ end }}</tool_call>
{{- end }}{{ if not $last }}<|im_end|>
{{ end }}
{{- else if eq .Role "tool" }}<|im_start|>user
<tool_response>
{{ .Content }}
</tool_response><|im_end|>
{{ end }}
{{- if and (ne .Role "assistant") $last }}<|im_start|>assistant
{{ end }}
{{- end }}"""
TOOL = {
    "type": "function",
    "function": {
        "name": "get_tide",
        "description": "Tide table of a harbour",
        "parameters": {"type": "object", "properties": {"harbour": {"type": "string", "description": "its name"}}},
    },
}


def conversation(*, calls: bool) -> list[dict[str, Any]]:
    """Messages of about a hundred words, every fourth pair a call and its result if wanted."""
    messages: list[dict[str, Any]] = []
    for i in range(N_MESSAGES // 2):
        messages.append({"role": "user", "content": f"{i}: " + "when does the tide come in? " * 20})
        if calls and i % 4 == 0:
            call = {"function": {"name": "get_tide", "arguments": {"harbour": "Brest", "day": i}}}
            messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        else:
            messages.append({"role": "assistant", "content": "At noon, and again at midnight. " * 20})
    return [*messages[:-1], {"role": "user", "content": "And tomorrow?"}]


def chat_template_text(name: str) -> str:
    """A known Jinja text."""
    return resources.files("modelfile_grammar.known").joinpath("texts", f"{name}.jinja").read_text("utf-8")


def milliseconds(action: Callable[[], object], rounds: int) -> float:
    """The median of some runs, after one to warm up."""
    action()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return round(median(times) * 1000, 3)


def templates() -> Iterator[tuple[str, float, Callable[[], object]]]:
    """What to measure of templates: its name, the goal in milliseconds, and the action."""
    for name, text, calls in (("chatml", known_template("chatml").template, False), ("with tools", WITH_TOOLS, True)):
        template, messages, tools = Template.parse(text), conversation(calls=calls), [TOOL] if calls else []
        yield f"read {name}", 10, partial(Template.parse, text)
        yield f"render {name}", 2, partial(render_prompt, template, messages=messages, tools=tools)
    for name in ("chatml.2", "gemma3-instruct.1"):
        yield f"recognise {name}", 50, partial(detect, chat_template_text(name) + "x" * 50)


def modelfiles() -> Iterator[tuple[str, float, Callable[[], object]]]:
    """The same of Modelfiles."""
    tree = parse(MODELFILE)
    yield "parse 10,000 lines", 1000, partial(parse, MODELFILE)
    yield "format 10,000 lines", 1000, partial(format_modelfile, tree)
    yield "lint 10,000 lines", 3000, partial(lint, MODELFILE)


def main() -> int:
    results, missed = {}, False
    for name, goal, action in (*templates(), *modelfiles()):
        measured = milliseconds(action, 100 if goal < 1000 else 5)
        missed = missed or measured >= goal
        results[name] = {"ms": measured, "goal": goal}
    print(json.dumps(results, indent=2))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
