"""Chat (api.md section 7.4)."""

from __future__ import annotations

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import BadRequest
from pyollama.prompt import messages as turns
from pyollama.prompt.effort import Effort
from pyollama.scheduler.lease import Lease
from pyollama.server import answers, requests
from pyollama.server.bodies import read
from pyollama.server.clock import utc_now
from pyollama.server.connection import current
from pyollama.server.conversation import Conversation
from pyollama.server.generation import Timer, Wish, begin
from pyollama.server.lines import ChatLines
from pyollama.server.lookup import Known, find
from pyollama.server.services import services
from pyollama.wire import ollama as wire

blueprint = Blueprint("chat", __name__)


@blueprint.post("/api/chat")
async def chat() -> Response:
    timer = Timer(current().arrived)
    call = await read(wire.ChatRequest)
    keep_alive, effort = requests.check(call)
    images = requests.images(image for message in call.messages or () for image in message.images or ())
    if not call.model:
        raise BadRequest("model is required")
    known = await find(call.model)
    if not call.messages and keep_alive == 0:
        await services().scheduler.unload(known.model)
        return _only(known, "unload")
    effort = known.effort(effort)
    known.require("chat")
    known.require_all(*(["tools"] if call.tools else []), *(["vision"] if images else []))
    options = requests.options(known, call)
    if call.messages:
        requests.refuse_unsupported(call, images)
    lease = await current().exit_stack.enter_async_context(services().scheduler.use(known.model, options, keep_alive))
    timer.model_is_ready()
    if not call.messages:
        return _only(known, "load")
    return await _answer(call, known, lease, Wish.of(call, options), effort, timer)


async def _answer(
    call: wire.ChatRequest, known: Known, lease: Lease, wish: Wish, effort: Effort, timer: Timer
) -> Response:
    messages = turns.for_chat(known.messages, call.messages or [], known.system)
    if turns.forgets_thoughts(known.model.config.model_family, known.model.name.model):
        messages = turns.without_old_thoughts(messages)
    talk = Conversation(known, lease, messages, effort=effort, tools=call.tools or ())
    if call.debug_render_only:
        return _rendered(known, *await talk.preview(lease.n_ctx(wish.options) if wish.truncate else None))
    prompt = await talk.prompt()
    wish = wish.with_options(talk.options(wish.options))
    generation = await begin(current().exit_stack, lease, prompt, wish, talk.parser, shorten=talk.shorten)
    return await generation.respond(ChatLines(known.given), timer)


def _only(known: Known, reason: str) -> Response:
    message = wire.AnsweredMessage("assistant", "")
    return answers.json(
        wire.ChatResponse(model=known.given, created_at=utc_now(), message=message, done=True, done_reason=reason)
    )


def _rendered(known: Known, prompt: str, n_images: int) -> Response:
    message = wire.AnsweredMessage("assistant", "")
    info = wire.DebugInfo(prompt, n_images)
    return answers.json(
        wire.ChatResponse(model=known.given, created_at=utc_now(), message=message, done=False, debug_info=info)
    )
