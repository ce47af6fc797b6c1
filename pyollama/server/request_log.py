"""OLLAMA_DEBUG_LOG_REQUESTS: the bodies of inference requests, each with the command that sends it again."""

from __future__ import annotations

import logging
import shlex
import tempfile
from itertools import count
from pathlib import Path

import trio

EXTENSION = "pyollama.request_log"  # where an application keeps its own
_log = logging.getLogger("pyollama.server")


class RequestLog:
    """A folder that only this user can read. What cannot be written is logged and left out."""

    def __init__(self, url: str) -> None:
        """``url``: of the server, for the commands."""
        self.folder = Path(tempfile.mkdtemp(prefix="pyollama-requests-"))
        self._url = url
        self._numbers = count(1)
        _log.info("bodies of inference requests are kept", extra={"folder": str(self.folder)})

    async def keep(self, path: str, body: bytes | bytearray) -> None:
        """``path``: of the endpoint, e.g. /api/chat."""
        name = f"{next(self._numbers):06}{path.replace('/', '_')}"
        await trio.to_thread.run_sync(self._write, name, path, body)

    def _write(self, name: str, path: str, body: bytes | bytearray) -> None:
        file = self.folder / f"{name}.json"
        command = ["curl", "-s", "-H", "Content-Type: application/json", "--data-binary", f"@{file}", self._url + path]
        try:
            file.write_bytes(body)
            file.with_suffix(".sh").write_text(f"#!/bin/sh\n{shlex.join(command)}\n", encoding="utf-8")
        except OSError as error:
            _log.warning("a request could not be kept", extra={"file": str(file), "error": error.strerror})
