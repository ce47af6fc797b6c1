from __future__ import annotations

import io
import re

import pytest

from pyollama.cli.output.wordwrap import AnswerWriter, WordWrap


def screen(text: str, columns: int) -> list[str]:
    """The lines a terminal shows for text that WordWrap wrote one character at a time."""
    stream = io.StringIO()
    wrap = WordWrap(stream, lambda: columns)
    for char in text:
        wrap.write(char)
    lines = [""]
    for piece in re.findall(r"\x1b\[\d*[A-Z]|[^\x1b]", stream.getvalue()):
        if piece == "\n":
            lines.append("")
        elif piece.endswith("D") and piece[0] == "\x1b":
            lines[-1] = lines[-1][: -int(piece[2:-1])]
        elif piece[0] != "\x1b":
            lines[-1] += piece
    return lines


def test_a_word_that_does_not_fit_moves_to_the_next_line() -> None:
    assert screen("aaaa bbbb cccc dddd", 20) == ["aaaa bbbb cccc ", "dddd"]


def test_lines_end_five_columns_before_the_edge() -> None:
    assert max(map(len, screen("word " * 50, 40))) <= 35


def test_a_word_that_just_fits_stays() -> None:
    assert screen("aaaaaaa bbbbbbb ccc", 20) == ["aaaaaaa bbbbbbb", "ccc"]


def test_a_line_break_after_a_full_line_is_one_line_break() -> None:
    assert screen("aaaaaaa bbbbbbb \nccc", 20) == ["aaaaaaa bbbbbbb", "ccc"]


def test_a_long_word_is_broken_in_place() -> None:
    assert screen("x" * 40, 20) == ["x" * 15, "x" * 15, "x" * 10]


def test_wide_characters_count_two_and_break_anywhere() -> None:
    assert screen("模" * 10, 20) == ["模" * 7, "模" * 3]


def test_a_narrow_terminal_wraps_nothing() -> None:
    assert screen("aaaa bbbb cccc", 9) == ["aaaa bbbb cccc"]


@pytest.mark.parametrize("newline", ["\n", "\r"])
def test_a_line_break_starts_a_new_line(newline: str) -> None:
    stream = io.StringIO()
    WordWrap(stream, lambda: 20).write(f"aaaa bbbb{newline}cccc dddd")
    assert stream.getvalue() == f"aaaa bbbb{newline}cccc dddd"


def test_the_first_visible_character_is_announced_once() -> None:
    seen: list[str] = []
    stream = io.StringIO()
    writer = AnswerWriter(stream, wrap=True, colour=False, hide_thinking=True, visible=lambda: seen.append("now"))
    writer.think("hidden")
    assert seen == []
    writer.answer("a")
    writer.answer("b")
    assert (seen, stream.getvalue(), writer.text) == (["now"], "ab", "ab")


def test_an_answer_that_ends_while_thinking_only_closes_its_colour() -> None:
    stream = io.StringIO()
    writer = AnswerWriter(stream, wrap=False, colour=True, hide_thinking=False, visible=lambda: None)
    writer.think("hm")
    writer.close()
    writer.close()
    assert stream.getvalue().endswith("hm\x1b[0m")
