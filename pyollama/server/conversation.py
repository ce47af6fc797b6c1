"""One conversation with a loaded model: messages become a prompt, the answer's text becomes deltas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyollama.prompt import gotemplate, images, jinja
from pyollama.prompt.effort import Effort
from pyollama.prompt.output import OutputParser
from pyollama.prompt.thinking import ThinkingParser, opened_by
from pyollama.prompt.tools import ToolParser
from pyollama.prompt.truncation import fit
from pyollama.scheduler.lease import Lease
from pyollama.scheduler.options import Options
from pyollama.server.lookup import Known
from pyollama.wire.chat import Message, Tool


class Conversation:
    """The messages of one request, rendered with the model's own template."""

    def __init__(
        self,
        known: Known,
        lease: Lease,
        messages: Sequence[Message],
        *,
        effort: Effort,
        tools: Sequence[Tool] = (),
        before: str = "",
    ) -> None:
        """``before``: text in front of every rendering."""
        self._known = known
        self._lease = lease
        self._messages = messages
        self._tools = tools
        self._effort = effort
        self._before = before
        self._shim: dict[str, Any] = {}  # what the Jinja renderer said beside the prompt

    async def prompt(self) -> str:
        """The prompt with all messages in it. TemplateError, EngineRefused: the template failed."""
        return await self._render(self._messages)

    async def preview(self, n_ctx: int | None) -> tuple[str, int]:
        """The prompt that would be run, and how many images go with it. ``n_ctx``: tokens to fit it in; None: all."""
        messages = self._messages if n_ctx is None else await fit(self._messages, n_ctx, self._count, too_long=-1)
        return await self._render(messages), images.number_of(messages)

    async def shorten(self, n_ctx: int) -> str:
        """The prompt without the oldest messages, so that it has at most ``n_ctx`` tokens if that is possible."""
        return await self._render(await fit(self._messages, n_ctx, self._count))

    def options(self, options: Options) -> Options:
        """With the stop sequences that the template asks for. After ``prompt``."""
        stops = tuple(stop for stop in self._shim.get("additional_stops", ()) if stop not in options.stop)
        return replace(options, stop=options.stop + stops) if stops else options

    def parser(self, prompt: str) -> OutputParser:
        """What reads the answer to ``prompt``."""
        thinking = self._thinking(prompt) if self._effort.on else None
        tools = ToolParser(self._tag_of_calls(), [tool.function.name for tool in self._tools]) if self._tools else None
        return OutputParser(thinking, tools)

    async def _render(self, messages: Sequence[Message]) -> str:
        messages = images.numbered(messages)
        if self._known.language == "go":
            return self._before + "".join(gotemplate.chat(self._known.template, messages, self._tools, self._effort))
        self._shim = await self._lease.render(jinja.request(messages, self._tools, self._effort))
        return self._before + str(self._shim["prompt"])

    async def _count(self, messages: list[Message]) -> int:
        (tokens,) = await self._lease.tokenize([await self._render(messages)])
        return len(tokens) + images.TOKENS * images.number_of(messages)

    def _thinking(self, prompt: str) -> ThinkingParser | None:
        if self._known.language == "go":
            return gotemplate.thinking_parser(self._known.template, prompt)
        opening = str(self._shim.get("thinking_start_tag") or "<think>").strip()
        closing = str([*self._shim.get("thinking_end_tags", ()), "</think>"][0]).strip()
        return ThinkingParser(opening, closing, opened=opened_by(prompt, opening))

    def _tag_of_calls(self) -> str:
        if self._known.language == "go":
            return gotemplate.tag_of_calls(self._known.template)
        return jinja.tag_of_calls(self._known.template)
