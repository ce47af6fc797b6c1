"""The server's log: one ``key=value`` line per record on stderr."""

from __future__ import annotations

import logging
import re
import sys
from datetime import datetime

from pyollama.server.clock import local

_PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f]+")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LEVELS = {0: logging.INFO, 1: logging.DEBUG}
TRACE = 5


class KeyValueFormatter(logging.Formatter):
    """time, level, source, msg, then the record's ``extra`` attributes; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        pairs: dict[str, object] = {
            "time": local(datetime.fromtimestamp(record.created).astimezone()),
            "level": record.levelname,
            "source": f"{record.filename}:{record.lineno}",
            "msg": record.getMessage(),
        }
        pairs |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line = " ".join(f"{key}={_quoted(str(value))}" for key, value in pairs.items())
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up(debug: int) -> None:
    """Send every record of ``pyollama`` to stderr. ``debug``: 0 info, 1 debug, 2 trace."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValueFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.WARNING)
    logging.getLogger("pyollama").setLevel(_LEVELS.get(debug, TRACE))
    logging.getLogger("pyollama.server.http").setLevel(logging.WARNING)  # the HTTP library's own


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
