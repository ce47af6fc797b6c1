"""Requests and answers of the native API, as structs without behaviour.

Every request field may be ``null``, which means "not given". Unknown keys are ignored. ``Any`` fields have more than
one JSON form; ``server.bodies`` gives them meaning.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field

from pyollama.wire.chat import AnsweredCall, Message, Tool

# --- requests ---------------------------------------------------------------------------------------------------------


class Inference(Struct):
    """What every request that needs a loaded model may carry."""

    model: str | None = None
    options: dict[str, Any] | None = None
    keep_alive: Any = None  # number or duration text
    truncate: bool | None = None


class Completion(Inference):
    """What generate and chat share."""

    stream: bool | None = None
    format: Raw = Raw(b"null")  # "json" or a schema, kept as written for the error text
    think: Any = None  # boolean or level
    shift: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    debug_render_only: bool | None = field(default=None, name="_debug_render_only")


class GenerateRequest(Completion):
    prompt: str | None = None
    suffix: str | None = None
    images: list[str] | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    raw: bool | None = None


class ChatRequest(Completion):
    messages: list[Message] | None = None
    tools: list[Tool] | None = None


class EmbedRequest(Inference):
    input: Any = None  # text or list of texts
    dimensions: int | None = None


class EmbeddingsRequest(Inference):
    prompt: str | None = None


class NamedRequest(Struct):
    """Requests that accept the older ``name`` for ``model``; a non-empty ``model`` wins."""

    model: str | None = None
    name: str | None = None


class ShowRequest(NamedRequest):
    verbose: bool | None = None
    system: str | None = None
    template: str | None = None
    options: dict[str, Any] | None = None


class DeleteRequest(NamedRequest):
    pass


class TransferRequest(NamedRequest):
    """pull and push."""

    insecure: bool | None = None
    stream: bool | None = None
    username: str | None = None
    password: str | None = None


class CopyRequest(Struct):
    source: str | None = None
    destination: str | None = None


class CreateRequest(NamedRequest):
    """Object form and text form of create."""

    from_: str | None = field(default=None, name="from")
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    draft_files: dict[str, str] | None = None
    template: str | None = None
    system: str | None = None
    license: str | list[str] | None = None
    parameters: dict[str, Any] | None = None
    messages: list[Message] | None = None
    renderer: str | None = None
    parser: str | None = None
    requires: str | None = None
    quantize: str | None = None
    quantization: str | None = None
    draft_quantize: str | None = None
    info: dict[str, Any] | None = None
    stream: bool | None = None
    remote_host: str | None = None
    modelfile: str | None = None
    path: str | None = None


# --- answers ----------------------------------------------------------------------------------------------------------


class Version(Struct):
    version: str
    pyollama: str  # our own version


class CloudStatus(Struct):
    """Ollama's online service, which this server does not use."""

    disabled: bool = True
    source: str = "env"


class DeviceStatus(Struct):
    """A compute device. ``backend`` is ``cpu``, ``gpu``, ``igpu`` or ``accel``; memory in bytes."""

    name: str
    backend: str
    total: int
    free: int


class ServerStatus(Struct):
    """How this server does. ``loaded``: names of models; ``queued``: requests that wait for a load."""

    version: str
    uptime_s: float
    devices: list[DeviceStatus]
    loaded: list[str]
    queued: int


class Status(Struct):
    cloud: CloudStatus
    pyollama: ServerStatus


class AlternativeToken(Struct):
    token: str
    logprob: float
    bytes: list[int] | UnsetType = UNSET  # UTF-8; left out when the token is empty


class TokenLogprobs(Struct):
    """One generated token."""

    token: str
    logprob: float
    bytes: list[int] | UnsetType = UNSET
    top_logprobs: list[AlternativeToken] | UnsetType = UNSET


class DebugInfo(Struct, omit_defaults=True):
    rendered_template: str
    image_count: int = 0


class AnsweredMessage(Struct, omit_defaults=True):
    role: str
    content: str
    thinking: str = ""
    tool_calls: list[AnsweredCall] | UnsetType = UNSET


class GenerateResponse(Struct, omit_defaults=True, kw_only=True):
    """Durations in nanoseconds; metrics that are zero are left out, but for the cached tokens."""

    model: str
    created_at: str
    response: str
    thinking: str = ""
    done: bool
    done_reason: str = ""
    context: list[int] | UnsetType = UNSET
    logprobs: list[TokenLogprobs] | UnsetType = UNSET
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_cached_count: int | UnsetType = UNSET
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
    debug_info: DebugInfo | UnsetType = field(default=UNSET, name="_debug_info")


class ChatResponse(Struct, omit_defaults=True, kw_only=True):
    """Durations in nanoseconds; metrics that are zero are left out, but for the cached tokens."""

    model: str
    created_at: str
    message: AnsweredMessage
    done: bool
    done_reason: str = ""
    logprobs: list[TokenLogprobs] | UnsetType = UNSET
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_cached_count: int | UnsetType = UNSET
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
    debug_info: DebugInfo | UnsetType = field(default=UNSET, name="_debug_info")


class EmbedResponse(Struct, omit_defaults=True):
    model: str
    embeddings: Raw
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0


class EmbeddingsResponse(Struct):
    embedding: Raw


class Details(Struct):
    """Section 4.1. The two lengths, in tokens and numbers, are for ``/api/tags`` only."""

    parent_model: str
    format: str
    family: str
    families: list[str] | None
    parameter_size: str
    quantization_level: str
    context_length: int | UnsetType = UNSET
    embedding_length: int | UnsetType = UNSET


class TagsEntry(Struct):
    """One stored model. ``size`` in bytes, ``digest`` without its prefix."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: Details
    capabilities: list[str] | UnsetType = UNSET


class TagsResponse(Struct):
    models: list[TagsEntry]


class RunningEntry(Struct):
    """One loaded model. Sizes in bytes, ``context_length`` in tokens."""

    name: str
    model: str
    size: int
    digest: str
    details: Details
    expires_at: str
    size_vram: int
    context_length: int


class RunningResponse(Struct):
    models: list[RunningEntry]


class ProgressLine(Struct, omit_defaults=True):
    """One line of create, pull or push. ``total`` and ``completed`` in bytes."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


class ErrorAnswer(Struct):
    """The only shape of an error."""

    error: str
