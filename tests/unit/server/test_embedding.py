"""How texts are cut into portions, and what the server makes of the engine's vectors."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyollama.server import embedding
from pyollama.server.dialects.ollama import embed


@given(
    st.lists(st.integers(0, 2 * embedding.PORTION_CHARACTERS).map(lambda length: "x" * (length // 40)), max_size=300)
)
def test_portions_are_bounded_and_in_order(texts: list[str]) -> None:
    portions = list(embedding._portions(texts))

    assert [text for _, portion in portions for text in portion] == texts
    assert all(texts[start] is portion[0] for start, portion in portions if portion)
    for _, portion in portions:
        assert len(portion) <= embedding.PORTION_TEXTS
        assert len(portion) == 1 or sum(map(len, portion)) <= embedding.PORTION_CHARACTERS


async def test_a_hundred_thousand_texts_are_looked_through_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: set[int] = set()

    def noting(_: list[Any]) -> bool:
        threads.add(threading.get_ident())
        return True

    monkeypatch.setattr(embed, "_are_texts", noting)
    await embed._texts(["a"] * 200_000)

    assert threads and threading.get_ident() not in threads
