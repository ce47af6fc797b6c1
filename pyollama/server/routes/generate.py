"""Generate: complete a prompt (api.md section 7.3)."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest, ModelNotFound
from pyollama.prompt import gotemplate
from pyollama.prompt import messages as turns
from pyollama.prompt.effort import Effort
from pyollama.prompt.images import numbered
from pyollama.prompt.output import OutputParser
from pyollama.scheduler.lease import Lease
from pyollama.server import answers, requests
from pyollama.server.bodies import read
from pyollama.server.clock import utc_now
from pyollama.server.connection import current
from pyollama.server.conversation import Conversation
from pyollama.server.generation import Timer, Wish, begin
from pyollama.server.lines import GenerateLines
from pyollama.server.lookup import Known, find
from pyollama.server.services import services
from pyollama.wire import ollama as wire
from pyollama.wire.chat import Message
from pyollama.wire.ollama import GenerateRequest

blueprint = Blueprint("generate", __name__)


@blueprint.post("/api/generate")
async def generate() -> Response:
    timer = Timer(current().arrived)
    call = await read(GenerateRequest)
    keep_alive, effort = requests.check(call)
    images = requests.images(call.images or ())
    if not call.model:
        raise ModelNotFound("")
    known = await find(call.model)
    if not call.prompt and keep_alive == 0:
        await services().scheduler.unload(known.model)
        return _only(known, "unload")
    effort = _check_model(call, known, effort, bool(images))
    options = requests.options(known, call)
    if call.prompt:
        requests.refuse_unsupported(call, images)
    lease = await current().exit_stack.enter_async_context(services().scheduler.use(known.model, options, keep_alive))
    timer.model_is_ready()
    if not call.prompt:
        return _only(known, "load")
    return await _answer(call, known, lease, Wish.of(call, options, want_context=not call.raw), effort, timer)


def _check_model(call: GenerateRequest, known: Known, effort: Effort, has_images: bool) -> Effort:
    """Whether this model can do what is asked."""
    if "image" in known.capabilities:
        raise BadRequest("image generation models are not currently supported")
    if call.raw and (call.template or call.system or call.context):
        raise BadRequest("raw mode does not support template, system, or context")
    effort = known.effort(effort)
    known.require("generate")
    known.require_all(*(["insert"] if call.suffix else []), *(["vision"] if has_images else []))
    return effort


async def _answer(
    call: GenerateRequest, known: Known, lease: Lease, wish: Wish, effort: Effort, timer: Timer
) -> Response:
    """The prompt by one of four ways: raw, insertion, the request's template, the model's own."""
    lines = GenerateLines(known.given)
    stack = current().exit_stack
    if call.raw or call.suffix or call.template:
        prompt = await _prompt(call, known, lease, effort)
        if call.debug_render_only:
            return _rendered(known, prompt, 0 if call.suffix else len(call.images or ()))
        plain = call.raw or not effort.on
        template = call.template or known.template
        generation = await begin(
            stack, lease, prompt, wish, lambda text: OutputParser() if plain else gotemplate.parser(template, text)
        )
        return await generation.respond(lines, timer)
    talk = Conversation(known, lease, _messages(call, known), effort=effort, before=await _memory(call, lease))
    if call.debug_render_only:
        return _rendered(known, *await talk.preview(lease.n_ctx(wish.options) if wish.truncate else None))
    prompt = await talk.prompt()
    wish = wish.with_options(talk.options(wish.options))
    generation = await begin(stack, lease, prompt, wish, talk.parser, shorten=talk.shorten)
    return await generation.respond(lines, timer)


async def _prompt(call: GenerateRequest, known: Known, lease: Lease, effort: Effort) -> str:
    """A prompt that is no conversation to shorten. TemplateError."""
    if call.raw:
        return call.prompt or ""
    template = call.template or known.template
    if call.suffix:
        return "".join(gotemplate.insertion(template, call.prompt or "", call.suffix, effort))
    memory = await _memory(call, lease)
    return memory + "".join(gotemplate.chat(template, numbered(_messages(call, known)), (), effort))


def _messages(call: GenerateRequest, known: Known) -> list[Message]:
    stored = known.messages if call.context is None else []
    return turns.for_generate(stored, call.prompt or "", call.system or known.system, call.images or ())


async def _memory(call: GenerateRequest, lease: Lease) -> str:
    """The text of an earlier answer's context."""
    return await lease.detokenize(call.context) if call.context else ""


def _only(known: Known, reason: str) -> Response:
    return answers.json(
        wire.GenerateResponse(model=known.given, created_at=utc_now(), response="", done=True, done_reason=reason)
    )


def _rendered(known: Known, prompt: str, n_images: int) -> Response:
    info = wire.DebugInfo(prompt, n_images)
    return answers.json(
        wire.GenerateResponse(model=known.given, created_at=utc_now(), response="", done=False, debug_info=info)
    )
