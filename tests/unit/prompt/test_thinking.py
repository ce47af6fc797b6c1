"""The split of a stream into reasoning and answer."""

import pytest

from pyollama.prompt.thinking import ThinkingParser, opened_by

STREAMS = {
    "S1": (["<think> a </think> b"], [("a ", "b")]),
    "S2": (["  <th", "ink>x</thi", "nk>\n", "y"], [("", ""), ("x", ""), ("", ""), ("", "y")]),
    "S3": ([" hi <think>x</think>"], [("", " hi <think>x</think>")]),
    "S4": (["<think>a</think><think>b</think>c"], [("a", "<think>b</think>c")]),
    "S5": (["<think></think>ok"], [("", "ok")]),
    "S6": (["<think>a</thing></think>"], [("a</thing>", "")]),
    "S7": (["<", "b>"], [("", ""), ("", "<b>")]),
}


@pytest.mark.parametrize(("chunks", "expected"), STREAMS.values(), ids=STREAMS.keys())
def test_chunks_are_split_as_the_specification_says(chunks: list[str], expected: list[tuple[str, str]]) -> None:
    parser = ThinkingParser("<think>", "</think>")
    assert [parser.add(chunk) for chunk in chunks] == expected


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_size_of_the_chunks_does_not_matter(size: int) -> None:
    text = " <think>\n one </th two </think>\n\nthe <think> answer"
    parser = ThinkingParser("<think>", "</think>")
    parts = [parser.add(text[i : i + size]) for i in range(0, len(text), size)]
    parts.append(parser.finish())

    assert "".join(thinking for thinking, _ in parts) == "one </th two "
    assert "".join(content for _, content in parts) == "the <think> answer"


def test_a_prompt_that_ends_with_the_tag_starts_the_reasoning() -> None:
    assert opened_by("assistant\n<think>\n", "<think>")
    parser = ThinkingParser("<think>", "</think>", opened=True)
    assert parser.add("\n a</think>b") == ("a", "b")


def test_a_held_part_of_the_closing_tag_is_reasoning_at_the_end() -> None:
    parser = ThinkingParser("<think>", "</think>")
    assert parser.add("<think>a</th") == ("a", "")
    assert parser.finish() == ("</th", "")


def test_a_held_part_of_the_opening_tag_is_content_at_the_end() -> None:
    parser = ThinkingParser("<think>", "</think>")
    assert parser.add(" <thi") == ("", "")
    assert parser.finish() == ("", " <thi")
