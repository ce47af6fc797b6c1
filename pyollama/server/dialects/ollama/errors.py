"""Errors as Ollama's clients read them: ``{"error": text}`` with the status of the error."""

from __future__ import annotations

import logging

import quart
from quart_trio.wrappers import TrioResponse as Response
from werkzeug.exceptions import InternalServerError

from pyollama.errors import InternalError, PyollamaError
from pyollama.server import answers

_log = logging.getLogger("pyollama.server")


def attach(blueprint: quart.Blueprint) -> None:
    """Let the routes of a blueprint answer their errors in this dialect."""
    blueprint.register_error_handler(PyollamaError, _refused)
    blueprint.register_error_handler(InternalServerError, _bug)


async def _refused(error: PyollamaError) -> Response:
    if error.status >= 500:
        _log.warning("request failed", extra={"path": quart.request.path, "error": str(error)})
    return answers.error(error)


async def _bug(_: InternalServerError) -> Response:
    return answers.error(InternalError())
