"""One conversation: its messages become a prompt, and what reads the answer is chosen.

The server's leases and ``pyollama render`` go through here alike, each with a renderer of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import msgspec

from modelfile_grammar.known import known_template
from pyollama.prompt import gotemplate, images, jinja
from pyollama.prompt.calls import Tools
from pyollama.prompt.effort import Effort
from pyollama.prompt.messages import (
    is_continued,
    merged,
    with_system_for_developer,
    with_system_in_front,
    without_old_thoughts,
)
from pyollama.prompt.output import AnswerForm, OutputParser
from pyollama.prompt.prompts import Prompt, cut_at, preceded, text_of
from pyollama.prompt.thinking import ThinkingParser, opened_by
from pyollama.prompt.tools import BRACKETS, ToolParser
from pyollama.prompt.truncation import Offload, fit
from pyollama.wire.chat import Message, Tool

_END = "\ue05f\ue06d\ue07b"  # private characters that no text has: they mark where a template is cut


class Renderer(Protocol):
    """What knows the model's own chat template and its tokens."""

    async def render(self, request: bytes) -> dict[str, Any]:
        """A chat rendered with the Jinja template of the weights: ``prompt`` and what the template says beside it."""

    async def count(self, prompts: Sequence[Prompt]) -> list[int]:
        """How many tokens each prompt has."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a model is talked to."""

    language: Literal["go", "jinja"]
    template: str
    thinks: bool = False
    forgets_thoughts: bool = False  # it must not see its reasoning of earlier turns
    is_bare: bool = False  # there is no template: a prompt goes to the model as it is, a chat as ChatML

    def for_chat(self) -> Style:
        return replace(self, template=known_template("chatml").template) if self.is_bare else self


class Conversation:
    """The messages of one request, rendered with the model's own template."""

    def __init__(
        self,
        style: Style,
        renderer: Renderer,
        messages: Sequence[Message],
        *,
        effort: Effort,
        tools: Sequence[Tool] = (),
        before: str = "",
        offload: Offload,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        """
        Args:
            before: text in front of every rendering.
            cancelled: asked within ``offload`` whether nobody waits for its result any more.
        """
        self._style = style
        self._renderer = renderer
        self._messages = messages
        self._tools = tools
        self._effort = effort
        self._before = before
        self._offload = offload
        self._cancelled = cancelled
        self._shim: dict[str, Any] = {}  # what the Jinja renderer said beside the prompt

    async def prompt(self) -> Prompt:
        """The prompt with all messages in it. TemplateError, EngineRefused: the template failed."""
        return await self._render(self._messages)

    async def shorten(self, n_ctx: int) -> Prompt:
        """The prompt without the oldest messages, so that it has at most ``n_ctx`` tokens if that is possible.

        For a conversation that is known not to fit.
        """
        return await self._render(await self._fit(n_ctx, too_long=True))

    async def preview(self, n_ctx: int | None) -> tuple[Prompt, int]:
        """The prompt that would be run, and how many images go with it. ``n_ctx``: tokens to fit it in; None: all."""
        messages = self._messages if n_ctx is None else await self._fit(n_ctx, too_long=False)
        return await self._render(messages), images.number_of(messages)

    @property
    def n_messages(self) -> int:
        return len(self._messages)

    async def form(self) -> AnswerForm:
        """What the engine must know of the answer. After ``prompt``."""
        if self._style.language == "go":
            reads = self._tools or self._style.thinks
            return AnswerForm(shown=await self._offload(gotemplate.marks, self._style.template) if reads else ())
        form: AnswerForm = await self._offload(jinja.form, self._shim)
        return form

    def parser(self, prompt: Prompt) -> OutputParser:
        """What reads the answer to ``prompt``."""
        thinks = self._style.thinks and not self._shim.get("reads_thoughts")
        tag = self._tag_of_calls()
        tools = ToolParser(tag, Tools.of(self._tools)) if self._tools else None
        guesses = tag in BRACKETS and self._shim.get("reads_calls")  # plain JSON is an answer to those who know better
        return OutputParser(
            self._thinking(text_of(prompt)) if thinks else None,
            None if guesses else tools,
            show_thinking=self._effort.on or not self._style.thinks,
            search=tools,
        )

    # --- rendering ---

    async def _render(self, messages: Sequence[Message]) -> Prompt:
        if self._style.language == "go":
            prompt = await self._offload(self._by_go, messages)
        else:
            prompt = await self._by_jinja(messages)
        return preceded(self._before, prompt)

    def _normal(self, messages: Sequence[Message]) -> list[Message]:
        if self._style.forgets_thoughts:
            messages = without_old_thoughts(messages)
        if self._style.is_bare:
            messages = with_system_for_developer(messages)
        return merged(images.numbered(messages))

    def _by_go(self, messages: Sequence[Message]) -> Prompt:
        asked = self._normal(messages)
        if is_continued(asked):  # whatever the template prints after its content must go
            last = asked[-1]
            marked = [*asked[:-1], msgspec.structs.replace(last, content=(last.content or "") + _END)]
            if (prompt := cut_at(self._go(marked), _END)) is not None:
                return prompt
        return self._go(asked)

    def _go(self, messages: Sequence[Message]) -> Prompt:
        return tuple(gotemplate.chat(self._style.template, messages, self._tools, self._effort, self._cancelled))

    async def _by_jinja(self, messages: Sequence[Message]) -> Prompt:
        asked = await self._offload(self._normal, messages)
        if await jinja.takes_one_system_message(self._style.template, asked, self._renderer):
            asked = with_system_in_front(asked)
        continued = is_continued(asked)
        effort = self._effort.at_most_high() if jinja.is_harmony(self._style.template) else self._effort
        request = await self._offload(jinja.request, asked, self._tools, effort, continued)
        self._shim = await self._renderer.render(request)
        return tuple(self._shim["prompt"])

    async def _fit(self, n_ctx: int, *, too_long: bool) -> list[Message]:
        return await fit(self._messages, n_ctx, self._count, self._sizes, self._offload, too_long=too_long)

    async def _count(self, messages: list[Message]) -> int:
        (n_tokens,) = await self._renderer.count([await self._render(messages)])
        return n_tokens + images.TOKENS * images.number_of(messages)

    async def _sizes(self, messages: list[Message]) -> list[int]:
        counts = await self._renderer.count([("", message.content or "") for message in messages])
        return [
            n_tokens + images.TOKENS * len(message.images or ())
            for n_tokens, message in zip(counts, messages, strict=True)
        ]

    # --- the answer ---

    def _thinking(self, prompt: str) -> ThinkingParser | None:
        if self._style.language == "go":
            return gotemplate.thinking_parser(self._style.template, prompt)
        opening = str(self._shim.get("thinking_start_tag") or "<think>").strip()
        closing = str([*self._shim.get("thinking_end_tags", ()), "</think>"][0]).strip()
        return ThinkingParser(opening, closing, opened=opened_by(prompt, opening))

    def _tag_of_calls(self) -> str:
        if self._style.language == "go":
            return gotemplate.tag_of_calls(self._style.template)
        return jinja.tag_of_calls(self._style.template)
