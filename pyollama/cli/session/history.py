"""The lines of earlier sessions: one JSON string a line, newest last, readable by their owner only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import History

KEPT = 1000
FILE = Path(".ollama") / "pyollama_history"  # below the home folder


class SessionHistory(History):
    """Entries of this and of earlier sessions. ``writing`` off keeps new ones out of the file only."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        super().__init__()
        self.path, self.writing = path, writing

    def append_string(self, string: str) -> None:
        """Remember an entry, unless it begins with a blank or repeats the one before."""
        if not string.strip() or string[0] in " \t" or self.get_strings()[-1:] == [string]:
            return
        super().append_string(string)

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._read())

    def store_string(self, string: str) -> None:
        """Rewrite the file with one entry more. A file that cannot be written is no reason to stop a session."""
        if not self.writing:
            return
        entries = [*self._read(), string][-KEPT:]
        temporary = self.path.with_name(self.path.name + ".tmp")
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
            temporary.replace(self.path)

    def _read(self) -> list[str]:
        try:
            lines = self.path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return []
        return [entry for entry in map(_decode, lines) if entry]


def _decode(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    return entry if isinstance(entry, str) else ""
