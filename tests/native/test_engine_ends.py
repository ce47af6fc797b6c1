"""How answers end, and what is counted and kept of them, on a model whose every answer is certain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import tiny_models
from support.engine import Reply, TestedEngine


@pytest.fixture
def answer(tmp_path: Path) -> Iterator[Callable[..., Reply]]:
    """Completes a prompt with a model that goes on as its script says."""
    opened: list[TestedEngine] = []

    def complete(script: bytes, prompt: str, **options: Any) -> Reply:
        path = tiny_models.scripted(tmp_path / f"{len(opened)}.gguf", script)
        engine = TestedEngine(str(path), n_ctx=1024, n_cells=1024)
        opened.append(engine)
        return engine.complete(prompt, num_predict=options.pop("num_predict", 200), want_context=True, **options)

    yield complete
    for engine in opened:
        engine.raw.close()


def tokens(text: bytes) -> list[int]:
    return [byte + 3 for byte in text]


def test_the_end_token_counts_and_is_not_printed(answer: Callable[..., Reply]) -> None:
    """C13."""
    reply = answer(b"abcd", "a")

    assert (reply.text, reply.end.reason, reply.end.output_tokens) == ("bcd", "stop", 4)


def test_an_answer_that_ends_at_once_has_a_count(answer: Callable[..., Reply]) -> None:
    reply = answer(b"abcd", "z")

    assert (reply.text, reply.end.reason, reply.end.output_tokens) == ("", "stop", 1)


def test_the_context_has_neither_bos_nor_end_token(answer: Callable[..., Reply]) -> None:
    """5.12: tokens of prompt and shown text."""
    reply = answer(b"abcd", "xa")

    assert reply.end.prompt_tokens == 3  # BOS is computed
    assert reply.end.context == tokens(b"xabcd")


def test_the_context_has_no_stop_text(answer: Callable[..., Reply]) -> None:
    reply = answer(b"abcdefg", "a", stop=["de"])

    assert (reply.text, reply.end.reason, reply.end.output_tokens) == ("bc", "stop", 4)
    assert reply.end.context == tokens(b"abc")


def test_an_empty_stop_string_ends_the_answer_at_its_first_token(answer: Callable[..., Reply]) -> None:
    reply = answer(b"abcdefg", "a", stop=[""])

    assert (reply.text, reply.end.reason, reply.end.output_tokens) == ("", "stop", 1)
    assert reply.end.context == tokens(b"a")


def test_a_character_that_the_limit_cuts_is_left_out(answer: Callable[..., Reply]) -> None:
    reply = answer("ab\N{EURO SIGN}".encode(), "a", num_predict=3)

    assert (reply.text, reply.end.reason, reply.end.output_tokens) == ("b", "length", 3)
    assert reply.end.context == tokens(b"ab")


def test_a_byte_that_is_no_text_inside_an_answer_is_replaced(answer: Callable[..., Reply]) -> None:
    assert answer(b"a\xe2\x82b", "a").text == "\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("letter", ["0", "\N{FOX FACE}"], ids=["one_token", "four_tokens"])
def test_a_model_that_only_repeats_itself_is_ended(answer: Callable[..., Reply], letter: str) -> None:
    """D2: the text of the pieces counts, so an emoji of several tokens is seen too."""
    reply = answer(2 * letter.encode(), letter, num_predict=0)

    assert reply.end.reason == "length"
    assert reply.text == letter * 32
