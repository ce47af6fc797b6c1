"""Tool calls: what is read does not depend on how the text arrives, nothing is lost, and no text is read twice."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.call_corpus import CORPUS, TOOLS, Answer, Call

from pyollama.prompt.calls import Tools
from pyollama.prompt.callscan import CallScanner
from pyollama.prompt.tools import ToolParser

SHORT = {name: answer for name, answer in CORPUS.items() if len(answer.text) < 1000}
every_answer = pytest.mark.parametrize("answer", SHORT.values(), ids=SHORT.keys())


def read(tag: str, pieces: Iterable[str]) -> tuple[list[Call], str]:
    parser = ToolParser(tag, Tools.of(TOOLS))
    parts = [*(parser.add(piece) for piece in pieces), parser.finish()]
    calls = [call.function for _, made in parts for call in made]
    assert [call.index for call in calls] == list(range(len(calls)))
    return [(call.name, call.arguments) for call in calls], "".join(content for content, _ in parts)


def cut(text: str, places: Iterable[int]) -> list[str]:
    edges = [0, *sorted(places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("answer", CORPUS.values(), ids=CORPUS.keys())
def test_b12_every_format_is_read(answer: Answer) -> None:
    assert read(answer.tag, [answer.text]) == (answer.calls, answer.content)


@every_answer
def test_b12_letter_by_letter_and_cut_anywhere_is_the_same_as_whole(answer: Answer) -> None:
    expected = (answer.calls, answer.content)
    assert read(answer.tag, answer.text) == expected
    for place in range(len(answer.text)):
        assert read(answer.tag, cut(answer.text, [place])) == expected, place


@given(data=st.data(), answer=st.sampled_from(list(CORPUS.values())))
def test_b12_any_split_is_the_same_as_the_whole(data: st.DataObject, answer: Answer) -> None:
    places = data.draw(st.lists(st.integers(0, len(answer.text)), max_size=30))
    assert read(answer.tag, cut(answer.text, places)) == (answer.calls, answer.content)


SCRAPS = ['{"name":"get","arguments":{}}', '{"city":"]"}', "<function=get>", "</function>", "<parameter=city>"]
SCRAPS += ["</parameter>", "<tool_call>", "<t>", "{", "}", "[", "]", '"', "\\", "get", "add", ",", " ", "\n", "x", "é"]


@given(
    tag=st.sampled_from(["{", "[", "<t>", "<tool_call>\n<function="]),
    parts=st.lists(st.sampled_from(SCRAPS)),
    seed=st.integers(0, 1000),
)
def test_b12_any_text_is_read_the_same_in_any_pieces_and_kept_without_calls(
    tag: str, parts: list[str], seed: int
) -> None:
    text = "".join(parts)
    whole = read(tag, [text])
    dice = random.Random(seed)
    assert read(tag, text) == whole
    assert read(tag, cut(text, [dice.randint(0, len(text)) for _ in range(5)])) == whole
    if not whole[0]:
        assert whole[1] == text


@pytest.mark.parametrize("beginning", ['{"a": "', '{"a": [', "<function=get><parameter=city>", "word "])
def test_b12_text_that_was_read_is_not_looked_at_again(beginning: str) -> None:
    """So the cost is linear: what waits for the next piece stays short, however long a call never ends."""
    scanner = CallScanner("<tool_call>")
    for piece in [beginning, *["{}, < ", '\\" ', "text "] * 10_000]:
        scanner.add(piece)
        while scanner.next():
            pass
        assert len(scanner._text) - scanner._start < 32
