"""Reasoning and tool calls in one answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from pyollama.prompt.calls import Tools
from pyollama.prompt.output import Delta, OutputParser
from pyollama.prompt.thinking import ThinkingParser
from pyollama.prompt.tools import ToolParser
from pyollama.wire.runner import Piece

CALL = '<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>'


def read(pieces: Sequence[str], *, tag: str = "<tool_call>", tools: bool = True, show: bool = True) -> Delta:
    """All deltas as one, calls as pairs."""
    thinking = ThinkingParser("<think>", "</think>")
    parser = OutputParser(thinking, ToolParser(tag, Tools(["add"])) if tools else None, show_thinking=show)
    deltas = [*(parser.read(Piece(1, piece)) for piece in pieces), parser.finish()]
    calls = [(call.function.name, call.function.arguments) for delta in deltas for call in delta.calls]
    return Delta("".join(d.content for d in deltas), "".join(d.thinking for d in deltas), tuple(calls))  # type: ignore[arg-type]


def test_both_parsers_work_behind_each_other() -> None:
    assert read(list(f"<think>hm</think>Yes {CALL}")) == Delta("Yes ", "hm", (("add", {"a": 1}),))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a431_a_call_in_a_thought_that_never_closes_is_found(size: int) -> None:
    """D38"""
    text = f"<think>I call {CALL}"
    answer = read([text[i : i + size] for i in range(0, len(text), size)])
    assert answer == Delta("", f"I call {CALL}", (("add", {"a": 1}),))  # type: ignore[arg-type]


def test_a431_so_is_one_in_plain_json() -> None:
    answer = read(['<think>I call {"name": "add", "arguments": {"a": 1}} now', " {"], tag="{")
    assert answer.calls == (("add", {"a": 1}),)


def test_a431_a_dropped_thought_is_searched_too() -> None:
    assert read([f"<think>I call {CALL}"], show=False) == Delta("", "", (("add", {"a": 1}),))  # type: ignore[arg-type]


def test_a_call_in_a_thought_that_closes_stays_a_thought() -> None:
    assert read([f"<think>Maybe {CALL}</think>No."]) == Delta("No.", f"Maybe {CALL}")


@pytest.mark.parametrize("tools", [True, False])
def test_d31_a_thought_that_is_not_wanted_is_dropped(tools: bool) -> None:
    text = "<think>hm</think>\n\nYes."
    for cut in range(len(text)):
        pieces = [text[start:end] for start, end in pairwise([0, cut, len(text)])]
        assert read(pieces, tools=tools, show=False) == Delta("Yes.")
