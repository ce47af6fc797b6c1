"""The application: routes, error answers and the filters before them."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import quart
from quart.routing import QuartRule
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse as Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from pyollama.server import answers, hosts, request_log
from pyollama.server.connection import Connection, Request
from pyollama.server.dialects.ollama.blueprints import blueprints
from pyollama.server.gate import Gate
from pyollama.server.intake import EXTENSION, Intake
from pyollama.server.origins import Origins
from pyollama.server.services import Services


class ExactRule(QuartRule):
    """A route that answers HEAD only where it says so."""

    def __init__(self, string: str, methods: Iterable[str] | None = None, **kwargs: Any) -> None:
        asked = {method.upper() for method in methods or ()}
        super().__init__(string, methods=asked or None, **kwargs)
        if self.methods and "HEAD" not in asked:
            self.methods.discard("HEAD")


class App(QuartTrio):
    asgi_http_class = Connection
    request_class = Request
    url_rule_class: type[QuartRule] = ExactRule


def make_app(services: Services) -> App:
    """The whole server but for its socket. BadOrigin when the configured origins make no sense."""
    app = App("pyollama.server", static_folder=None)
    services.attach(app)
    app.config.update(
        RESPONSE_TIMEOUT=None,
        BODY_TIMEOUT=None,
        MAX_CONTENT_LENGTH=None,  # server.intake knows better
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.extensions[EXTENSION] = Intake(services.settings.max_body, services.settings.max_body_total)
    if services.settings.debug_log_requests:
        app.extensions[request_log.EXTENSION] = request_log.RequestLog(services.settings.host.client_url)
    app.url_map.merge_slashes = False
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    _answer_errors(app)
    origins = Origins.parse(services.settings.origins)
    gate = Gate(
        app.asgi_app,
        origins,
        loopback=hosts.is_loopback(services.settings.host.host),
        allowed=lambda path: answers.allow(app.url_map.bind("").allowed_methods(path)),
    )
    app.asgi_app = gate  # type: ignore[method-assign]
    return app


def _answer_errors(app: App) -> None:
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(MethodNotAllowed, _method_not_allowed)
    app.register_error_handler(HTTPException, _http_error)


async def _not_found(_: NotFound) -> Response:
    return _redirect_without_slash() or answers.plain("404 page not found", 404)


async def _method_not_allowed(error: MethodNotAllowed) -> Response:
    response = answers.plain("405 method not allowed", 405)
    response.headers["Allow"] = answers.allow(error.valid_methods or ())
    return response


async def _http_error(error: HTTPException) -> Response:
    return answers.json({"error": error.description or error.name}, status=error.code or 500)


def _redirect_without_slash() -> Response | None:
    """A known path with a slash too many: 301 for GET, 307 for every other method."""
    path = quart.request.path
    if not path.endswith("/") or path == "/":
        return None
    adapter = quart.current_app.create_url_adapter(quart.request)
    try:
        known = adapter is not None and bool(adapter.allowed_methods(path.rstrip("/")))
    except RequestRedirect:
        return None
    if not known:
        return None
    status = HTTPStatus.MOVED_PERMANENTLY if quart.request.method == "GET" else HTTPStatus.TEMPORARY_REDIRECT
    return answers.redirect(path.rstrip("/"), status, with_body=quart.request.method == "GET")
