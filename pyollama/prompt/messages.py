"""The conversation that a request means (api.md section 5.5): stored messages, system text, the request's own."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from pyollama.wire.chat import Message

_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_FORGETFUL_FAMILIES = ("qwen3",)
_FORGETFUL_MODELS = ("deepseek-r1",)


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
    """Reasoning removed from the assistant's turns before the user's last."""
    last_user = max((i for i, message in enumerate(messages) if message.role == "user"), default=-1)
    return [
        msgspec.structs.replace(message, content=_THOUGHT.sub("", message.content or ""))
        if i < last_user and message.role == "assistant"
        else message
        for i, message in enumerate(messages)
    ]


def _folded(message: Message) -> Message:
    role = message.role.lower()
    return message if role == message.role else msgspec.structs.replace(message, role=role)
