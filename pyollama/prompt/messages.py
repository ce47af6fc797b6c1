"""The conversation that a request means: stored messages, system text, the request's own, in one normal form.

The form is the same for both template languages, so that a request means the same whatever the model's template is
written in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from pyollama.wire.chat import Message

_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_FORGETFUL_FAMILIES = ("qwen3",)
_FORGETFUL_MODELS = ("deepseek-r1",)
_BLANK_LINE = "\n\n"


def for_chat(stored: Sequence[Message], asked: Sequence[Message], system: str) -> list[Message]:
    """Stored messages first; the model's system text in front unless the request begins with its own."""
    messages = [_folded(message) for message in (*stored, *asked)]
    if system and not (asked and asked[0].role.lower() == "system"):
        messages.insert(0, Message("system", system))
    return messages


def for_generate(stored: Sequence[Message], prompt: str, system: str, images: Sequence[str] = ()) -> list[Message]:
    """System text, stored messages, then the prompt as the user's."""
    messages = [_folded(message) for message in stored]
    if system:
        messages.insert(0, Message("system", system))
    return [*messages, Message("user", prompt, images=list(images) or None)]


def forgets_thoughts(family: str, name: str) -> bool:
    """Whether the model must not see its reasoning of earlier turns."""
    return family in _FORGETFUL_FAMILIES or name in _FORGETFUL_MODELS


def without_old_thoughts(messages: Sequence[Message]) -> list[Message]:
    """Reasoning removed from the content of the assistant's turns before the user's last."""
    last_user = last_index(messages, "user")
    return [
        msgspec.structs.replace(message, content=_THOUGHT.sub("", message.content or ""))
        if i < last_user and message.role == "assistant"
        else message
        for i, message in enumerate(messages)
    ]


def last_index(messages: Sequence[Message], role: str) -> int:
    """Where the last message of a role stands; -1 if there is none."""
    return next((i for i in range(len(messages) - 1, -1, -1) if messages[i].role == role), -1)


def is_continued(messages: Sequence[Message]) -> bool:
    """Whether the model is to go on from a last message of its own."""
    return bool(messages) and messages[-1].role == "assistant" and not messages[-1].tool_calls


def merged(messages: Sequence[Message]) -> list[Message]:
    """Neighbours of one role as one message: texts and thoughts joined by a blank line, images and calls in order.

    Results of tools stay apart.
    """
    result: list[Message] = []
    run: list[Message] = []
    for message in messages:
        if run and (message.role != run[0].role or message.role == "tool"):
            result.append(_joined(run))
            run = []
        run.append(message)
    return [*result, _joined(run)] if run else result


def with_system_in_front(messages: Sequence[Message]) -> list[Message]:
    """All system texts as one message before the others, for templates that take a single one."""
    system = [message.content for message in messages if message.role == "system" and message.content]
    others = [message for message in messages if message.role != "system"]
    return merged([Message("system", _BLANK_LINE.join(system)), *others]) if system else merged(others)


def with_system_for_developer(messages: Sequence[Message]) -> list[Message]:
    """The role ``developer`` under its older name."""
    return [
        msgspec.structs.replace(message, role="system") if message.role == "developer" else message
        for message in messages
    ]


def _joined(run: list[Message]) -> Message:
    if len(run) == 1:
        return run[0]
    return msgspec.structs.replace(
        run[0],
        content=_BLANK_LINE.join(message.content for message in run if message.content),
        thinking=_BLANK_LINE.join(message.thinking for message in run if message.thinking) or None,
        images=[image for message in run for image in message.images or ()] or None,
        tool_calls=[call for message in run for call in message.tool_calls or ()] or None,
    )


def _folded(message: Message) -> Message:
    role = message.role.lower()
    return message if role == message.role else msgspec.structs.replace(message, role=role)
