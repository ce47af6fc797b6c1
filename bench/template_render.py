"""How long it takes to make the prompt of a chat with 50 messages.

    python bench/template_render.py

Prints figures as JSON: milliseconds of the median rendering, and of parsing and compiling once, for a plain chat
template and for one with tools. The goal: under 2 ms a prompt.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from modelfile_grammar.known import known_template
from modelfile_grammar.template import Template, render_prompt

ROUNDS = 100
N_MESSAGES = 50
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


def milliseconds(action: Callable[[], object]) -> float:
    """The median of many runs, after one to warm up."""
    action()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return round(median(times) * 1000, 3)


def main() -> None:
    chatml = known_template("chatml").template
    results = {}
    for name, text, calls in (("chatml", chatml, False), ("with tools", WITH_TOOLS, True)):
        template, messages = Template.parse(text), conversation(calls=calls)
        tools = [TOOL] if calls else []
        results[name] = {
            "messages": N_MESSAGES,
            "render_ms": milliseconds(lambda t=template, m=messages, x=tools: render_prompt(t, messages=m, tools=x)),
            "parse_ms": milliseconds(lambda t=text: Template.parse(t)),
        }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
