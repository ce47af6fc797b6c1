"""Where the images of a conversation stand in its prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, islice

import msgspec

from pyollama.wire.chat import Message

TOKENS = 768
"""What an image counts when a conversation is fitted into the context window."""

_PLACE = "[img]"


def number_of(messages: Sequence[Message]) -> int:
    return sum(len(message.images or ()) for message in messages)


def numbered(messages: Sequence[Message]) -> list[Message]:
    """The messages with a mark ``[img-N]`` for each image, N counting from 0 through all of them.

    A mark takes the place of the first ``[img]`` left in the text of its message; those that find none stand in front
    of the text, in order.
    """
    marks = (f"[img-{number}]" for number in count())
    return [_marked(message, marks) for message in messages]


def _marked(message: Message, marks: Iterator[str]) -> Message:
    if not message.images:
        return message
    front, content = "", message.content or ""
    for mark in islice(marks, len(message.images)):
        if _PLACE in content:
            content = content.replace(_PLACE, mark, 1)
        else:
            front += mark
    return msgspec.structs.replace(message, content=front + content)
