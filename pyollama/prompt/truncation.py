"""Fitting a conversation into the context window (template.md section 11).

Whole messages are dropped, oldest first. System messages always stay, and so does the last message even if it is too
long by itself: what happens then is the engine's own rule.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from pyollama.wire.chat import Message

Count = Callable[[list[Message]], Awaitable[int]]


def without_first(messages: Sequence[Message], dropped: int) -> list[Message]:
    """The messages that stay when the first ``dropped`` ones go."""
    systems = [message for message in messages[:dropped] if message.role == "system"]
    return [*systems, *messages[dropped:]]


async def fit(messages: Sequence[Message], n_ctx: int, count: Count, *, too_long: int = 0) -> list[Message]:
    """The longest end of the conversation of at most ``n_ctx`` tokens.

    Dropping more never makes a prompt longer, so a search by halves finds it in few renderings.

    Args:
        count: tokens of the rendered messages.
        too_long: dropping so many is known not to be enough, -1 if nothing is known.
    """
    low, high = too_long, max(len(messages) - 1, 0)  # low is too long, high may be
    while high - low > 1:
        middle = (low + high) // 2
        if await count(without_first(messages, middle)) <= n_ctx:
            high = middle
        else:
            low = middle
    return without_first(messages, high)
