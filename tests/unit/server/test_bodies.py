"""Reading request bodies."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pyollama.errors import BadRequest, MissingBody, TruncatedJson
from pyollama.server import bodies
from pyollama.wire.ollama import ChatRequest, CreateRequest, GenerateRequest, ShowRequest


@pytest.mark.parametrize("body", [b"", b" \r\n\t"])
def test_a_body_is_needed(body: bytes) -> None:
    with pytest.raises(MissingBody):
        bodies.decode(body, ShowRequest)


@pytest.mark.parametrize("body", [b"{", b'{"model"', b'{"model":"a', b'{"verbose":tr', b"  [", b'{"options":{"a":[1,'])
def test_a_cut_off_value_is_an_unexpected_end(body: bytes) -> None:
    with pytest.raises((TruncatedJson, BadRequest)):
        bodies.decode(body, GenerateRequest)


@pytest.mark.parametrize("rest", [b"x", b" {}", b"]", b"\n\nnull", b"\x00", b"\xff"])
def test_what_follows_the_first_value_is_ignored(rest: bytes) -> None:
    assert bodies.decode(b'{"model":"a"}' + rest, ShowRequest).model == "a"


def test_null_stands_for_an_empty_object_and_null_fields_for_absent_ones() -> None:
    assert bodies.decode(b"null", ChatRequest) == ChatRequest()
    assert bodies.decode(b'{"model":null,"messages":null,"stream":null}', ChatRequest) == ChatRequest()


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert bodies.decode(b'{"prompt":"\\ud83d!"}', GenerateRequest).prompt == "\ufffd!"
    assert bodies.decode(b'{"prompt":"\\ud83d\\ude00"} \\ud83d', GenerateRequest).prompt == "\U0001f600"


def test_a_format_is_kept_as_written() -> None:
    assert bytes(bodies.decode(b'{"format": {"a" : 1}}', GenerateRequest).format) == b'{"a" : 1}'


def test_the_error_says_where_in_the_request() -> None:
    with pytest.raises(BadRequest, match=r"\$\.messages\[1\]\.content"):
        bodies.decode(b'{"messages":[{"content":"a"},{"content":5}]}', ChatRequest)


def test_create_accepts_a_license_of_two_forms() -> None:
    assert bodies.decode(b'{"license":"a"}', CreateRequest).license == "a"
    assert bodies.decode(b'{"license":["a","b"]}', CreateRequest).license == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), (0, 0), ("0", 0), (1.5, 1.5), ("90s", 90), ("1h", 3600), (-1, math.inf), ("-1s", math.inf)],
)
def test_keep_alive(value: Any, seconds: float | None) -> None:
    assert bodies.keep_alive(value) == seconds


@pytest.mark.parametrize("value", ["", "5", "5 m", "1d", [], {}, True])
def test_keep_alive_that_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest):
        bodies.keep_alive(value)


@pytest.mark.parametrize(("text", "data"), [("aGk=", b"hi"), ("", b""), ("aG\nk=\r\n", b"hi")])
def test_images_are_base64(text: str, data: bytes) -> None:
    assert bodies.image(text) == data


@pytest.mark.parametrize(("text", "position"), [("data:x", 4), ("aGk", 0), ("aGkhaG", 4), ("ä", 0), ("aG k", 2)])
def test_a_wrong_byte_is_named(text: str, position: int) -> None:
    with pytest.raises(BadRequest, match=f"at input byte {position}$"):
        bodies.image(text)
