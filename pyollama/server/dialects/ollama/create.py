"""Creating models: the object form, and the text form of 2023."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator

import msgspec
from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.create import CreateSpec, Progress, create, read_modelfile, spec_from_modelfile
from pyollama.errors import BadRequest, InvalidName, PyollamaError, ServerPath
from pyollama.server import answers
from pyollama.server.bodies import read
from pyollama.server.connection import current
from pyollama.server.dialects.ollama.encoder import error_line
from pyollama.server.lookup import named
from pyollama.server.services import services
from pyollama.server.work import Work
from pyollama.store import Store
from pyollama.wire.chat import Message
from pyollama.wire.ollama import CreateRequest, ProgressLine

blueprint = Blueprint("create", __name__)


@blueprint.after_request
async def without_charset(response: Response) -> Response:
    """As Ollama says it on paths that stream."""
    if response.mimetype == "application/json":
        response.content_type = "application/json"
    return response


@blueprint.post("/api/create")
async def create_model() -> Response:
    call = await read(CreateRequest)
    if call.remote_host:
        raise BadRequest("bad remote")
    steps = _steps(call, services().store, is_local=current().is_local)
    work = await current().exit_stack.enter_async_context(services().works.begin(steps, _replaces))
    if call.stream is False:
        last = await work.last()
        return answers.json(_line(last) if last else {})
    first = await work.next()
    return Response(_lines(first, work), content_type=answers.NDJSON)


def _steps(call: CreateRequest, store: Store, *, is_local: bool) -> Generator[Progress, None, None]:
    yield from create(store, _spec(call, store, is_local=is_local))


def _spec(call: CreateRequest, store: Store, *, is_local: bool) -> CreateSpec:
    """What is asked for; fields of the object form win over the text."""
    given = _given(call)
    if call.path and not call.modelfile and not is_local:
        raise ServerPath(call.path)
    text, folder = read_modelfile(call.modelfile or "", call.path or "")
    if not text:
        return given
    spec = spec_from_modelfile(text, base_dir=folder if is_local else None, store=store, name=given.name)
    return spec.overridden_by(given)


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


async def _lines(first: Progress | None, work: Work[Progress]) -> AsyncIterator[bytes]:
    record = first
    try:
        while record is not None:
            yield msgspec.json.encode(_line(record)) + b"\n"
            record = await work.next()
    except PyollamaError as error:
        yield error_line(str(error))


def _line(record: Progress) -> ProgressLine:
    return ProgressLine(record.status, record.digest, record.total, record.completed)


def _replaces(old: Progress, new: Progress) -> bool:
    """Whether a client that sees the new line misses nothing."""
    return bool(new.total) and (old.status, old.digest, old.total) == (new.status, new.digest, new.total)
