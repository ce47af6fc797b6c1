"""What generate and chat check before a model is loaded."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pyollama.errors import BadRequest, InvalidFormat, NotSupported
from pyollama.prompt.effort import Effort
from pyollama.scheduler.options import Options, defaults
from pyollama.server import bodies
from pyollama.server.lookup import Known
from pyollama.server.services import services
from pyollama.wire.ollama import Completion, Inference

MAX_TOP_LOGPROBS = 20


def check(call: Completion) -> tuple[float | None, Effort]:
    """keep_alive in seconds and the effort, if the fields that do not depend on a model make sense. BadRequest."""
    keep_alive = bodies.keep_alive(call.keep_alive)
    effort = Effort.parse(call.think)
    if not 0 <= (call.top_logprobs or 0) <= MAX_TOP_LOGPROBS:
        raise BadRequest(f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}")
    return keep_alive, effort


def images(texts: Iterable[str]) -> list[bytes]:
    """The images of a request. BadRequest for text that is not base64."""
    return [bodies.image(text) for text in texts]


def options(known: Known, call: Inference) -> Options:
    """Defaults, then the model's parameters, then the request's options. OptionTypeError, OptionRangeError."""
    return defaults(services().settings).merge(known.parameters, call.options or {})


def refuse_unsupported(call: Completion, pictures: list[bytes]) -> None:
    """Never an answer without what was asked for."""
    if _wants_format(bytes(call.format)):
        raise NotSupported("structured output (the field format)")
    if pictures and not call.debug_render_only:
        raise NotSupported("image input")


def _wants_format(raw: bytes) -> bool:
    """InvalidFormat for anything but "json", a schema object, and the forms of no format."""
    value = msgspec.json.decode(raw)
    if value in (None, ""):
        return False
    if value == "json" or isinstance(value, dict):
        return True
    raise InvalidFormat(raw.decode())
