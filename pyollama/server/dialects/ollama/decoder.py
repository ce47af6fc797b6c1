"""Bodies of generate and chat (api.md) as an ``Ask``: what can be checked before a model is looked up."""

from __future__ import annotations

from pyollama.errors import BadRequest, ModelNotFound
from pyollama.prompt.effort import Effort
from pyollama.server import bodies
from pyollama.server.asking import Ask, ChatTask, PromptTask, Task
from pyollama.wire import ollama as wire

MAX_TOP_LOGPROBS = 20


async def generate(call: wire.GenerateRequest, arrived: int) -> Ask:
    """BadRequest, ModelNotFound for a request without a model."""
    await bodies.check_images(call.images or ())
    task = PromptTask(
        prompt=call.prompt or "",
        suffix=call.suffix or "",
        system=call.system or "",
        template=call.template or "",
        context=call.context or (),
        has_context=call.context is not None,
        images=call.images or (),
        raw=bool(call.raw),
    )
    return _ask(call, task, arrived, no_model=ModelNotFound(""))


async def chat(call: wire.ChatRequest, arrived: int) -> Ask:
    """BadRequest."""
    images = [image for message in call.messages or () for image in message.images or ()]
    await bodies.check_images(images)
    task = ChatTask(call.messages or (), call.tools or (), n_images=len(images))
    return _ask(call, task, arrived, no_model=BadRequest("model is required"))


def _ask(call: wire.Completion, task: Task, arrived: int, *, no_model: Exception) -> Ask:
    keep_alive = bodies.keep_alive(call.keep_alive)
    effort = Effort.parse(call.think)
    if not 0 <= (call.top_logprobs or 0) <= MAX_TOP_LOGPROBS:
        raise BadRequest(f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}")
    if not call.model:
        raise no_model
    return Ask(
        model=call.model,
        task=task,
        arrived=arrived,
        options=call.options or {},
        keep_alive=keep_alive,
        effort=effort,
        format=bytes(call.format),
        stream=call.stream is not False,
        truncate=call.truncate is not False,
        shift=call.shift,
        logprobs=(call.top_logprobs or 0) if call.logprobs else -1,
        want_context=isinstance(task, PromptTask) and not task.raw,
        preview=bool(call.debug_render_only),
    )
