"""Which messages stay when the context window is too small."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyollama.prompt.truncation import fit
from pyollama.wire.chat import CalledFunction, Message, ToolCall


def conversation(*turns: str) -> list[Message]:
    """``role: text`` each; a text that ends with ``!`` makes a call."""
    return [message(*turn.split(": ", 1)) for turn in turns]


def message(role: str, text: str) -> Message:
    calls = [ToolCall(CalledFunction("f"))] if text.endswith("!") else None
    return Message(role, text.rstrip("!"), tool_calls=calls)


def texts(messages: list[Message]) -> str:
    return " ".join(message.content or "" for message in messages)


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


async def words(messages: list[Message]) -> int:
    return len(texts(messages).split())


async def words_of_each(messages: list[Message]) -> list[int]:
    return [len((message.content or "").split()) for message in messages]


def with_overhead(per_message: int) -> Callable[[list[Message]], Awaitable[int]]:
    async def count(messages: list[Message]) -> int:
        return await words(messages) + per_message * len(messages)

    return count


PLAIN = conversation("user: a b", "assistant: c d", "user: e f")
WITH_SYSTEM = conversation("system: s", "user: a b", "assistant: c d", "user: e f")
WITH_RESULT = conversation("user: a b", "assistant: c d", "user: e f", "assistant: g!", "tool: h i j")
OLD_CALL = conversation("user: q", "assistant: a!", "tool: b", "tool: c", "assistant: d", "user: e")

CASES = {
    "W1": (PLAIN, 6, "a b c d e f"),
    "W2": (PLAIN, 5, "c d e f"),
    "W3": (PLAIN, 2, "e f"),
    "W4": (PLAIN, 1, "e f"),
    "W5": (WITH_SYSTEM, 5, "s c d e f"),
    "W6": (WITH_SYSTEM, 3, "s e f"),
    "W9": (WITH_RESULT, 2, "e f g h i j"),
    "call and results go together": (OLD_CALL, 4, "d e"),
    "call and results stay together": (OLD_CALL, 5, "a b c d e"),
}


@pytest.mark.parametrize("too_long", [False, True])
@pytest.mark.parametrize(("messages", "n_ctx", "kept"), CASES.values(), ids=CASES.keys())
async def test_the_oldest_messages_go_first(messages: list[Message], n_ctx: int, kept: str, too_long: bool) -> None:
    """A178, A432"""
    if too_long and await words(messages) <= n_ctx:
        return  # it must be true to be said
    assert texts(await fit(messages, n_ctx, words, words_of_each, at_once, too_long=too_long)) == kept


async def test_one_message_is_never_dropped() -> None:
    assert len(await fit(conversation("user: a b c"), 1, words, words_of_each, at_once)) == 1


TURNS = st.lists(
    st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.integers(0, 9), st.booleans()), max_size=40
)


@given(TURNS, st.integers(0, 80), st.integers(0, 4))
async def test_the_longest_rest_that_fits_is_found(
    turns: list[tuple[str, int, bool]], n_ctx: int, per_message: int
) -> None:
    messages = [message(role, "w " * n + ("!" if calls and role == "assistant" else "")) for role, n, calls in turns]
    count = with_overhead(max(per_message, 1))
    kept = await fit(messages, n_ctx, count, words_of_each, at_once)

    rests = [await fit_by_hand(messages, dropped) for dropped in range(len(messages) + 1)]
    fitting = [rest for rest in rests if await count(rest) <= n_ctx]
    assert kept == (fitting[0] if fitting else rests[-1])


async def fit_by_hand(messages: list[Message], dropped: int) -> list[Message]:
    """The conversation without so many units, by the words of the rule."""
    last_user = max((i for i, one in enumerate(messages) if one.role == "user"), default=-1)
    unit_of: list[int] = []
    for i, one in enumerate(messages):
        follows = one.role == "tool" and i > 0 and messages[unit_of[-1]].tool_calls
        unit_of.append(unit_of[-1] if follows else i)
    keep = {unit_of[last_user], unit_of[-1]} if messages else set()
    units = sorted({u for u in unit_of if messages[u].role != "system" and u not in keep})
    gone = set(units[:dropped])
    return [one for i, one in enumerate(messages) if unit_of[i] not in gone]


class Work:
    """Counts what a fitting costs, in words."""

    def __init__(self) -> None:
        self.rendered: list[int] = []
        self.sized = 0

    async def count(self, messages: list[Message]) -> int:
        self.rendered.append(len(messages))
        return await with_overhead(4)(messages)

    async def sizes(self, messages: list[Message]) -> list[int]:
        self.sized += len(messages)
        return await words_of_each(messages)


@pytest.mark.parametrize("n_messages", [1000, 300_000])
async def test_a_very_long_conversation_is_not_rendered_whole(n_messages: int) -> None:
    work = Work()
    left = await fit(conversation(*["user: a b c"] * n_messages), 500, work.count, work.sizes, at_once, too_long=True)

    assert len(left) == 500 // 7
    assert work.sized <= n_messages and work.sized <= 1000
    assert len(work.rendered) <= 4
    assert sum(work.rendered) < 500
