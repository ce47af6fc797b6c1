"""Bodies of generate and chat as an ``Ask``: what can be checked before a model is looked up."""

from __future__ import annotations

from collections.abc import Sequence

from pyollama.errors import BadRequest, ModelNotFound
from pyollama.prompt.effort import Effort
from pyollama.server import bodies
from pyollama.server.asking import Ask, ChatTask, PromptTask, Task
from pyollama.server.offload import offload
from pyollama.wire import ollama as wire
from pyollama.wire.chat import Message

MAX_TOP_LOGPROBS = 20
_MANY = 2000  # messages or images that are looked through in less time than a thread takes to start


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
    messages = call.messages or []
    many = len(messages) > _MANY or sum(len(message.images or ()) for message in messages) > _MANY
    images = await offload(_images, messages) if many else _images(messages)
    await bodies.check_images(images)
    task = ChatTask(messages, call.tools or (), n_images=len(images))
    return _ask(call, task, arrived, no_model=BadRequest("model is required"))


def _images(messages: Sequence[Message]) -> list[str]:
    return [image for message in messages for image in message.images or ()]


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
