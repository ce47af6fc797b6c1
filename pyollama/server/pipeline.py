"""From an ``Ask`` to its answer: the model is found and loaded, the prompt made, the completion begun.

Nothing here knows a dialect. Errors before the first byte are raised; the dialect's routes write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest, InvalidFormat, NotSupported
from pyollama.prompt import gotemplate, messages
from pyollama.prompt.conversation import Conversation
from pyollama.prompt.effort import Effort
from pyollama.prompt.images import numbered
from pyollama.prompt.output import AnswerForm, OutputParser
from pyollama.prompt.prompts import Prompt, preceded, text_of
from pyollama.scheduler import Lease, Options, defaults
from pyollama.server.asking import Ask, ChatTask, PromptTask
from pyollama.server.connection import current
from pyollama.server.encoding import Encoder
from pyollama.server.generation import Completion, Generation, Timer, begin
from pyollama.server.lookup import FoundModel, find
from pyollama.server.offload import abandoned, offload, offload_foreign
from pyollama.server.services import services
from pyollama.wire.chat import Message

_CANNOT_SHIFT = ("deepseek2",)  # families whose context ends when it is full


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be run."""

    prompt: str
    n_images: int


async def answer(ask: Ask, encoder: Encoder) -> Response:
    """The answer as a stream or as one object, in the encoder's form."""
    run = await _prepare(ask)
    generation = await run.begin()
    return await generation.respond(encoder, stream=ask.stream)


async def preview(ask: Ask) -> Preview:
    """The prompt of an ask, fitted into the context window as it would be, and not run."""
    run = await _prepare(ask)
    return await run.preview()


async def load(ask: Ask) -> str:
    """For an empty task: load the model, or unload it if it is not to be kept. "load" or "unload"."""
    found = await find(ask.model)
    if ask.keep_alive == 0:
        await services().scheduler.unload(found.model)
        return "unload"
    _check(ask, found)
    await _lease(ask, found, options_of(found, ask.options))
    return "load"


def options_of(found: FoundModel, asked: Mapping[str, Any] | None) -> Options:
    """Defaults, then the model's parameters, then the request's options. OptionTypeError, OptionRangeError."""
    return defaults(services().settings).merge(found.parameters, asked or {})


# --- before the run ---------------------------------------------------------------------------------------------------


async def _prepare(ask: Ask) -> _Run:
    timer = Timer(ask.arrived)
    found = await find(ask.model)
    effort = _check(ask, found)
    options = options_of(found, ask.options)
    _refuse_unsupported(ask)
    lease = await _lease(ask, found, options)
    timer.model_is_ready()
    return _Run(ask, found, effort, options, lease, timer)


async def _lease(ask: Ask, found: FoundModel, options: Options) -> Lease:
    """The loaded model, held until the request's last byte is sent."""
    use = services().scheduler.use(found.model, options, ask.keep_alive)
    return await current().exit_stack.enter_async_context(use)


def _check(ask: Ask, found: FoundModel) -> Effort:
    """Whether this model can do what is asked, and how it is to think. BadRequest, MissingCapability."""
    task = ask.task
    if "image" in found.capabilities:
        raise BadRequest("image generation models are not currently supported")
    if isinstance(task, PromptTask) and task.raw and (task.template or task.system or task.context):
        raise BadRequest("raw mode does not support template, system, or context")
    effort = found.effort(ask.effort)
    found.require(task.kind)
    needed = "insert" if isinstance(task, PromptTask) and task.suffix else ""
    if isinstance(task, ChatTask) and task.tools:
        needed = "tools"
    found.require_all(*([needed] if needed else []), *(["vision"] if task.n_images else []))
    return effort


def _refuse_unsupported(ask: Ask) -> None:
    """Never an answer without what was asked for."""
    wanted = msgspec.json.decode(ask.format)
    if wanted == "json" or isinstance(wanted, dict):
        raise NotSupported("structured output (the field format)")
    if wanted not in (None, ""):
        raise InvalidFormat(ask.format.decode())
    if ask.task.n_images and not ask.preview:
        raise NotSupported("image input")


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Run:
    """A task and the loaded model that is to do it."""

    ask: Ask
    found: FoundModel
    effort: Effort
    options: Options
    lease: Lease
    timer: Timer

    async def begin(self) -> Generation:
        """Start the completion and wait for its first event."""
        task = self.ask.task
        if isinstance(task, PromptTask) and _is_plain(task):
            return await self._begin_plain(task)
        talk = await self._conversation()
        if self._must_shorten(talk):
            prompt = await talk.shorten(self._n_ctx)
        else:
            prompt = await talk.prompt()
        completion = self._completion(prompt, await talk.form())
        return await begin(completion, self.lease, self.timer, talk.parser, shorten=talk.shorten)

    async def preview(self) -> Preview:
        task = self.ask.task
        if isinstance(task, PromptTask) and _is_plain(task):
            return Preview(text_of(await self._plain_prompt(task)), 0 if task.suffix else task.n_images)
        talk = await self._conversation()
        prompt, n_images = await talk.preview(self._n_ctx if self.ask.truncate else None)
        return Preview(text_of(prompt), n_images)

    @property
    def _n_ctx(self) -> int:
        return self.lease.n_ctx(self.options)

    def _must_shorten(self, talk: Conversation) -> bool:
        """Whether there are more messages than tokens that fit: then nobody needs the whole prompt."""
        return self.ask.truncate and talk.n_messages > self._n_ctx

    def _completion(self, prompt: Prompt, form: AnswerForm) -> Completion:
        ask, options = self.ask, self.options
        added = tuple(stop for stop in form.stops if stop not in options.stop)
        return Completion(
            prompt=prompt,
            options=replace(options, stop=options.stop + added) if added else options,
            truncate=ask.truncate,
            shift=self.found.family not in _CANNOT_SHIFT if ask.shift is None else ask.shift,
            logprobs=ask.logprobs,
            want_context=ask.want_context,
            form=form,
        )

    # --- a conversation ---

    async def _conversation(self) -> Conversation:
        task, found = self.ask.task, self.found
        if isinstance(task, ChatTask):
            style, tools, before = found.style.for_chat(), task.tools, ""
            turns = await offload(messages.for_chat, found.messages, task.messages, found.system)
        else:
            style, tools, before = found.style, (), await self._memory(task)
            turns = self._turns(task)
        return Conversation(
            style,
            self.lease,
            turns,
            effort=self.effort,
            tools=tools,
            before=before,
            offload=offload,
            cancelled=abandoned,
        )

    def _turns(self, task: PromptTask) -> list[Message]:
        stored = [] if task.has_context else self.found.messages
        return messages.for_generate(stored, task.prompt, task.system or self.found.system, task.images)

    async def _memory(self, task: PromptTask) -> str:
        """The text of an earlier answer's context."""
        return await self.lease.detokenize(list(task.context)) if task.context else ""

    # --- a prompt that is no conversation to shorten: raw, an insertion, or by the request's own template ---

    async def _begin_plain(self, task: PromptTask) -> Generation:
        form = AnswerForm() if task.raw else AnswerForm(shown=await offload(gotemplate.marks, self._template))
        completion = self._completion(await self._plain_prompt(task), form)
        return await begin(completion, self.lease, self.timer, self._plain_parser)

    async def _plain_prompt(self, task: PromptTask) -> Prompt:
        """TemplateError: the template does not parse, or fails."""
        if task.raw:
            return (task.prompt,)
        run = offload_foreign if task.template else offload
        if task.suffix:
            insertion = gotemplate.insertion
            return tuple(await run(insertion, self._template, task.prompt, task.suffix, self.effort, abandoned))
        memory = await self._memory(task)
        turns = numbered(self._turns(task))
        rendered = await run(gotemplate.chat, self._template, turns, (), self.effort, abandoned)
        return preceded(memory, tuple(rendered))

    def _plain_parser(self, prompt: Prompt) -> OutputParser:
        if (isinstance(self.ask.task, PromptTask) and self.ask.task.raw) or not self.found.style.thinks:
            return OutputParser()
        return gotemplate.parser(self._template, text_of(prompt), show_thinking=self.effort.on)

    @property
    def _template(self) -> str:
        asked = self.ask.task.template if isinstance(self.ask.task, PromptTask) else ""
        return asked or self.found.style.template


def _is_plain(task: PromptTask) -> bool:
    return bool(task.raw or task.suffix or task.template)
