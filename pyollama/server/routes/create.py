"""Creating models (api.md section 7.7): the object form, and the text form of 2023."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import trio
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.create import CreateSpec, Progress, create, spec_from_modelfile
from pyollama.errors import BadRequest, CreateError, InvalidName, PyollamaError
from pyollama.server import answers
from pyollama.server.bodies import read
from pyollama.server.connection import current
from pyollama.server.dialects.ollama.encoder import error_line
from pyollama.server.lookup import named
from pyollama.server.services import services
from pyollama.wire.chat import Message
from pyollama.wire.ollama import CreateRequest, ProgressLine

_AHEAD = 16  # status lines that may wait for the client

log = logging.getLogger("pyollama.server")

blueprint = Blueprint("create", __name__)


@blueprint.post("/api/create")
async def create_model() -> Response:
    call = await read(CreateRequest)
    if call.remote_host:
        raise BadRequest("bad remote")
    spec = await trio.to_thread.run_sync(_spec, call)
    spec.check()
    records = await _in_thread(current().exit_stack, create(services().store, spec))
    first = await _next(records)
    if call.stream is not False:
        return Response(_lines(first, records), content_type=answers.NDJSON)
    last = first
    while (record := await _next(records)) is not None:
        last = record
    return answers.json(_line(last) if last else {})


def _spec(call: CreateRequest) -> CreateSpec:
    """What is asked for; fields of the object form win over the text. Reads files, so it runs in a thread."""
    given = _given(call)
    text, folder = _modelfile(call)
    if not text:
        return given
    return spec_from_modelfile(text, base_dir=folder, store=services().store, name=given.name).overridden_by(given)


def _modelfile(call: CreateRequest) -> tuple[str, Path]:
    """The Modelfile's text, empty if there is none, and the folder that its relative paths start from."""
    if call.modelfile or not call.path:
        return call.modelfile or "", Path.cwd()
    path = Path(call.path).expanduser()
    try:
        return path.read_text("utf-8"), path.parent
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CreateError(f"error reading modelfile: {call.path}: {reason}") from error


def _given(call: CreateRequest) -> CreateSpec:
    licenses = [call.license] if isinstance(call.license, str) else call.license or []
    return CreateSpec(
        name=named(call.model, call.name, InvalidName()).strip(),
        from_=call.from_ or None,
        files=call.files,
        adapters=call.adapters,
        draft_files=call.draft_files,
        template=call.template or "",
        system=call.system or "",
        licenses=[text for text in licenses if text],
        parameters=call.parameters or {},
        messages=[_message(message) for message in call.messages or ()],
        renderer=call.renderer or "",
        parser=call.parser or "",
        requires=call.requires or "",
        quantize=call.quantize or call.quantization or None,
        draft_quantize=call.draft_quantize or None,
        info=call.info or {},
    )


def _message(message: Message) -> dict[str, object]:
    return {key: value for key, value in msgspec.to_builtins(message).items() if value is not None}


# --- status lines -----------------------------------------------------------------------------------------------------

Records = trio.MemoryReceiveChannel[Progress | PyollamaError]


async def _in_thread(stack: AsyncExitStack, steps: Iterator[Progress]) -> Records:
    """Run the steps beside the answer. An error is the last record; leaving the stack closes the generator."""
    sender, receiver = trio.open_memory_channel[Progress | PyollamaError](_AHEAD)
    nursery = await stack.enter_async_context(trio.open_nursery())
    nursery.start_soon(trio.to_thread.run_sync, _run, steps, sender)
    return receiver


def _run(steps: Iterator[Progress], sender: trio.MemorySendChannel[Progress | PyollamaError]) -> None:
    try:
        for record in steps:
            trio.from_thread.run(sender.send, record)
    except PyollamaError as error:
        trio.from_thread.run(sender.send, error)
    except Exception:
        log.exception("a create failed")
        trio.from_thread.run(sender.send, CreateError("internal server error, see the server's log", 500))
    finally:
        steps.close()  # type: ignore[attr-defined]  # it is a generator: what it began is undone
        trio.from_thread.run_sync(sender.close)


async def _next(records: Records) -> Progress | None:
    """The next status, None after the last. PyollamaError: the create failed."""
    try:
        record = await records.receive()
    except trio.EndOfChannel:
        return None
    if isinstance(record, PyollamaError):
        raise record
    return record


async def _lines(first: Progress | None, records: Records) -> AsyncIterator[bytes]:
    record = first
    try:
        while record is not None:
            yield msgspec.json.encode(_line(record)) + b"\n"
            record = await _next(records)
    except PyollamaError as error:
        yield error_line(str(error))


def _line(record: Progress) -> ProgressLine:
    return ProgressLine(record.status, record.digest, record.total, record.completed)
