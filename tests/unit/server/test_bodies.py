"""Fields of request bodies that have several forms."""

from __future__ import annotations

import base64
import math
import re
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyollama.errors import BadRequest
from pyollama.server import bodies


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((None, None), (0, 0), ("0", 0), (1.5, 1.5), ("90s", 90), ("1h", 3600), (-1, math.inf), ("-1s", math.inf)),
        *(("60", 60), ("-1", math.inf), ("+2.5", 2.5)),  # A161
    ],
)
def test_keep_alive(value: Any, seconds: float | None) -> None:
    assert bodies.keep_alive(value) == seconds


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("", 'time: invalid duration ""'),
        ("5 m", 'time: unknown unit " m" in duration "5 m"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("x", 'time: invalid duration "x"'),
        ([], "Unsupported type: '[]interface {}'"),
        ({}, "Unsupported type: 'map[string]interface {}'"),
        (True, "Unsupported type: 'bool'"),
    ],
)
def test_keep_alive_that_is_refused(value: Any, error: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(error)):
        bodies.keep_alive(value)


@pytest.mark.parametrize(("text", "data"), [("aGk=", b"hi"), ("", b""), ("aG\nk=\r\n", b"hi"), ("aA==", b"h")])
def test_images_are_base64(text: str, data: bytes) -> None:
    assert bodies.image(text) == data


@pytest.mark.parametrize(
    ("text", "position"),
    [
        *(("data:x", 4), ("aGk", 0), ("aGkhaG", 4), ("ä", 0), ("aGk\u4e2d", 3), ("aG k", 2), ("====", 0), ("x===", 1)),
        *(("=AAA", 0), ("A=AA", 1), ("AA=A", 2), ("AA==A", 4), ("AAA=AAAA", 4), ("AAAAA", 4), ("A=", 1), ("AA=", 3)),
        *(("AAAAAA=", 7), ("YWJjZA=====", 8), ("A!\n", 1), ("A=\n", 1), ("AA\n=\nA", 4)),
    ],
)
def test_a_wrong_byte_is_named(text: str, position: int) -> None:
    with pytest.raises(BadRequest, match=f"at input byte {position}$"):
        bodies.image(text)


@given(st.binary(max_size=200))
def test_an_image_survives_base64(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert bodies.image(text) == data
    assert bodies.image("\r\n".join(text)) == data


@pytest.mark.parametrize("texts", [["AAAA"] * 2000, ["A" * 40_000] * 2], ids=["many", "large together"])
async def test_many_images_are_checked_beside_the_event_loop(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    monkeypatch.setattr(bodies, "image", lambda _: threads.add(threading.get_ident()))

    await bodies.check_images(texts)

    assert threads and threading.get_ident() not in threads
