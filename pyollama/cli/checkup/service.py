"""Checks of the server: does it answer, is it ours, who has the port, do the clocks agree."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from pyollama import __version__
from pyollama.cli.checkup import Verdict
from pyollama.config import Address

_SECONDS = 3.0
_SKEW = 5.0  # seconds; Date headers are whole seconds
_START = "Start it with: pyollama serve"


class Answer:
    """What a program at an address said to ``GET /api/version``; ``error`` if nothing."""

    def __init__(self, address: Address) -> None:
        self.url = address.client_url
        self.body: dict[str, object] = {}
        self.date = self.error = ""
        try:
            with build_opener(ProxyHandler({})).open(f"{self.url}/api/version", timeout=_SECONDS) as reply:
                self.date = reply.headers.get("Date", "")
                self.body = json.loads(reply.read())
        except HTTPError as error:
            self.error = f"HTTP {error.code}"
        except URLError as error:
            self.error = "" if isinstance(error.reason, ConnectionRefusedError) else str(error.reason)
            self.refused = isinstance(error.reason, ConnectionRefusedError)
            return
        except (OSError, ValueError) as error:
            self.error = str(error) or type(error).__name__
        self.refused = False


def server(answer: Answer) -> Verdict:
    if answer.refused:
        return Verdict("server", "warn", f"nothing answers at {answer.url}", _START)
    if answer.error:
        return Verdict("server", "fail", f"{answer.url}: {answer.error}", "Check OLLAMA_HOST and the server's log.")
    level, ours = answer.body.get("version"), answer.body.get("pyollama")
    text = f"{answer.url}: {f'pyollama {ours}' if ours else 'Ollama'}, API level {level}"
    if ours and ours != __version__:
        advice = f"This command line is {__version__}: restart the server after an update."
        return Verdict("server", "warn", text, advice)
    return Verdict("server", "ok", text)


def port(answer: Answer, address: Address) -> Verdict:
    """Who has the port that our server would take."""
    if answer.refused:
        return Verdict("port", "ok", f"port {address.port} is free")
    if answer.error:
        text = f"another program answers on port {address.port}: {answer.error}"
        return Verdict("port", "fail", text, "Stop it, or set OLLAMA_HOST to another port.")
    if "pyollama" in answer.body:
        return Verdict("port", "ok", f"port {address.port} is pyollama's")
    if "version" in answer.body:
        advice = "Stop Ollama before starting pyollama, or set OLLAMA_HOST to another port."
        return Verdict("port", "warn", f"port {address.port} is taken by Ollama", advice)
    return Verdict("port", "fail", f"port {address.port} is taken by another program", "Set OLLAMA_HOST to another.")


def clock(answer: Answer) -> Verdict:
    if not answer.date:
        return Verdict("clock", "skip", "no server to compare with")
    skew = time.time() - parsedate_to_datetime(answer.date).timestamp()
    if abs(skew) > _SKEW:
        text = f"this clock and the server's differ by {skew:.0f} s"
        return Verdict("clock", "warn", text, "Synchronise both machines: times in lists will look wrong.")
    return Verdict("clock", "ok", "agrees with the server's")
