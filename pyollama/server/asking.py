"""What a request wants of a model, in no dialect's words: a route decodes its body to an ``Ask``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyollama.prompt.effort import Effort
from pyollama.wire.chat import Message, Tool


@dataclass(frozen=True, slots=True)
class ChatTask:
    """Answer a conversation."""

    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    n_images: int = 0  # of all messages

    kind = "chat"

    @property
    def is_empty(self) -> bool:
        return not self.messages


@dataclass(frozen=True, slots=True)
class PromptTask:
    """Complete a prompt."""

    prompt: str
    suffix: str = ""  # fill in between prompt and suffix
    system: str = ""  # instead of the model's
    template: str = ""  # instead of the model's
    context: Sequence[int] = ()  # token ids of an earlier answer
    has_context: bool = False  # the request names a context, even an empty one
    images: Sequence[str] = ()  # base64
    raw: bool = False  # the prompt goes to the model as it is

    kind = "generate"

    @property
    def is_empty(self) -> bool:
        return not self.prompt

    @property
    def n_images(self) -> int:
        return len(self.images)


Task = ChatTask | PromptTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request for inference. An empty task only loads the model, or lets it go if ``keep_alive`` is 0."""

    model: str
    task: Task
    arrived: int  # time.perf_counter_ns of the request's arrival
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: float | None = None  # seconds; None: as the model has it
    effort: Effort = field(default_factory=Effort)
    format: bytes = b"null"  # JSON: "json", a JSON Schema, or null for free text
    stream: bool = True
    truncate: bool = True  # drop messages, then cut the prompt, when it is too long
    shift: bool | None = None  # go on when the context is full; None: if the model's family can
    logprobs: int = -1  # -1: none; n: those of the chosen tokens and of n alternatives each
    want_context: bool = False  # the answer carries its token ids
    preview: bool = False  # show the prompt instead of running it
