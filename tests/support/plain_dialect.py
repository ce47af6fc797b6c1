"""A dialect in forty lines, to show what one costs: a question in the body, an answer of plain text.

``POST /plain/MODEL`` streams the answer; a line with three stars ends it, two stars are an error.
"""

from __future__ import annotations

from collections.abc import Sequence

from quart import Blueprint
from quart_trio.wrappers import TrioResponse as Response

from pyollama.errors import PyollamaError
from pyollama.prompt.output import Delta
from pyollama.server import answers, pipeline
from pyollama.server.asking import Ask, ChatTask
from pyollama.server.connection import current
from pyollama.server.encoding import Ending
from pyollama.wire.chat import Message
from pyollama.wire.runner import TokenLogprob

blueprint = Blueprint("plain", __name__)


class PlainEncoder:
    content_type = "text/plain"

    def start(self) -> bytes:
        return b"> "

    def delta(self, delta: Delta, logprobs: Sequence[TokenLogprob]) -> bytes:
        return delta.content.encode()

    def finish(self, held: Delta, ending: Ending) -> bytes:
        return f"{held.content}\n*** {ending.reason} {ending.output_tokens}\n".encode()

    def error(self, failure: PyollamaError) -> bytes:
        return f"\n** {failure}\n".encode()

    def whole(self, answer: Delta, logprobs: Sequence[TokenLogprob], ending: Ending) -> str:
        return answer.content


@blueprint.post("/plain/<model>")
async def plain(model: str) -> Response:
    question = (await current().content()).decode()
    ask = Ask(model=model, task=ChatTask([Message("user", question)]), arrived=current().arrived)
    return await pipeline.answer(ask, PlainEncoder())


@blueprint.errorhandler(PyollamaError)
async def refused(error: PyollamaError) -> Response:
    return answers.text(f"** {error}\n", status=error.status)
