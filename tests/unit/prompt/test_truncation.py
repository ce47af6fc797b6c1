"""Which messages stay when the context window is too small."""

import pytest

from pyollama.prompt.truncation import fit
from pyollama.wire.chat import Message


def conversation(*turns: str) -> list[Message]:
    return [Message(*turn.split(": ", 1)) for turn in turns]


async def words(messages: list[Message]) -> int:
    return sum(len((message.content or "").split()) for message in messages)


PLAIN = conversation("user: a b", "assistant: c d", "user: e f")
WITH_SYSTEM = conversation("system: s", "user: a b", "assistant: c d", "user: e f")

CASES = {
    "W1": (PLAIN, 6, "a b c d e f"),
    "W2": (PLAIN, 5, "c d e f"),
    "W3": (PLAIN, 2, "e f"),
    "W4": (PLAIN, 1, "e f"),
    "W5": (WITH_SYSTEM, 5, "s c d e f"),
    "W6": (WITH_SYSTEM, 3, "s e f"),
}


@pytest.mark.parametrize(("messages", "n_ctx", "kept"), CASES.values(), ids=CASES.keys())
async def test_the_oldest_messages_go_first(messages: list[Message], n_ctx: int, kept: str) -> None:
    """A178"""
    left = await fit(messages, n_ctx, words, too_long=-1)
    assert " ".join(message.content or "" for message in left) == kept


async def test_few_renderings_are_needed_for_a_long_conversation() -> None:
    counted: list[int] = []

    async def count(messages: list[Message]) -> int:
        counted.append(1)
        return await words(messages)

    left = await fit(conversation(*["user: a"] * 1000), 10, count)

    assert len(left) == 10
    assert len(counted) <= 11


async def test_one_message_is_never_dropped() -> None:
    assert len(await fit(conversation("user: a b c"), 1, words)) == 1
