"""Fitting a conversation into the context window: whole messages are dropped, oldest first.

System messages, the user's last message and the last message of all stay. The results of tools stay or go together
with the message whose calls they answer. A conversation that is still too long is the engine's to cut.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate
from typing import Any

from pyollama.prompt.messages import last_index
from pyollama.wire.chat import Message

Count = Callable[[list[Message]], Awaitable[int]]
Sizes = Callable[[list[Message]], Awaitable[list[int]]]
Offload = Callable[..., Awaitable[Any]]
"""Runs a function that computes for long, where it does not hold up others: ``await offload(function, *arguments)``."""


async def fit(
    messages: Sequence[Message], n_ctx: int, count: Count, sizes: Sizes, offload: Offload, *, too_long: bool = False
) -> list[Message]:
    """The longest rest of the conversation that has at most ``n_ctx`` tokens, if dropping messages can reach that.

    The texts of the messages are counted once and by themselves, which tells about how many must go; few renderings
    then find the exact number, since dropping more never makes a prompt longer. A message has at least one token, so
    of a very long conversation only the last ``n_ctx`` messages are looked at.

    Args:
        count: tokens of the prompt of some messages.
        sizes: tokens of the text of each message.
        offload: runs what takes long for many messages.
        too_long: the whole is known not to fit.
    """
    rest: list[Message]
    rest, units = await offload(_latest, messages, n_ctx)
    whole = len(rest) == len(messages)
    if not units or (whole and not too_long and await count(rest) <= n_ctx):
        return rest
    guess = await offload(_Guess, rest, units, await sizes(rest), n_ctx)
    low, high = 0 if whole else -1, len(units)  # so many are too few to drop, so many may be enough
    trial = guess.drop(0)
    for attempt in itertools.count(1):
        if high - low <= 1:
            break
        trial = min(max(trial, low + 1), high - 1)
        counted = await count(await offload(_without, rest, units[:trial]))
        if counted <= n_ctx:
            high, trial = trial, trial - 1
        else:
            low, trial = trial, guess.drop(guess.per_message(trial, counted))
        if attempt >= _GUESSES:
            trial = (low + high) // 2
    kept: list[Message] = await offload(_without, rest, units[:high])
    return kept


Unit = range
"""Neighbouring messages that stay or go together, as their indices."""

_GUESSES = 3  # renderings whose outcome is predicted; then the search goes by halves


class _Guess:
    """How many units must go, from the sizes of the texts and what the template was seen to add to each message."""

    def __init__(self, messages: Sequence[Message], units: Sequence[Unit], sizes: Sequence[int], n_ctx: int) -> None:
        dropped = [sum(sizes[i] for i in unit) for unit in units]
        self._left = [sum(sizes) - gone for gone in (0, *accumulate(dropped))]  # tokens after so many units are gone
        self._n_messages = [len(messages) - gone for gone in (0, *accumulate(len(unit) for unit in units))]
        self._n_ctx = n_ctx

    def drop(self, per_message: float) -> int:
        """Units to drop if the template adds so many tokens to each message; at most all."""
        for dropped, (left, n_messages) in enumerate(zip(self._left, self._n_messages, strict=True)):
            if left + per_message * n_messages <= self._n_ctx:
                return dropped
        return len(self._left) - 1

    def per_message(self, dropped: int, counted: int) -> float:
        return max(counted - self._left[dropped], 0) / max(self._n_messages[dropped], 1)


def _latest(messages: Sequence[Message], n_ctx: int) -> tuple[list[Message], list[Unit]]:
    """The conversation with no more than ``n_ctx`` messages, if so many may go, and what may still be dropped of it."""
    units = _droppable(messages)
    excess = max(len(messages) - n_ctx, 0)
    dropped = sum(1 for before in accumulate((len(unit) for unit in units), initial=0) if before < excess)
    if not dropped:
        return list(messages), units
    rest = _without(messages, units[:dropped])
    return rest, _droppable(rest)


def _droppable(messages: Sequence[Message]) -> list[Unit]:
    """Units that may be dropped, oldest first."""
    stays = {last_index(messages, "user"), len(messages) - 1}
    units = [unit for unit in _units(messages) if messages[unit.start].role != "system"]
    return [unit for unit in units if not any(i in stays for i in unit)]


def _units(messages: Sequence[Message]) -> list[Unit]:
    units: list[Unit] = []
    for i, message in enumerate(messages):
        if message.role == "tool" and units and _takes_results(messages, units[-1]):
            units[-1] = range(units[-1].start, i + 1)
        else:
            units.append(range(i, i + 1))
    return units


def _takes_results(messages: Sequence[Message], unit: Unit) -> bool:
    return messages[unit.start].role == "assistant" and bool(messages[unit.start].tool_calls)


def _without(messages: Sequence[Message], units: Sequence[Unit]) -> list[Message]:
    gone = {i for unit in units for i in unit}
    return [message for i, message in enumerate(messages) if i not in gone]
