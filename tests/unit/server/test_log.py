"""The server's log."""

import logging
import sys

from pyollama.server.log import KeyValueFormatter


def line(message: str, **extra: object) -> str:
    record = logging.LogRecord("pyollama.x", logging.INFO, "/a/file.py", 7, message, None, None)
    vars(record).update(extra)
    return KeyValueFormatter().format(record)


def test_a_record_is_one_line_of_pairs() -> None:
    text = line("all is well", path="/api/chat", count=3)
    assert text.startswith("time=") and " level=INFO source=file.py:7 " in text
    assert text.endswith('msg="all is well" path=/api/chat count=3')


def test_what_could_break_a_line_is_quoted() -> None:
    assert line('a "b"\nc').endswith(r'msg="a \"b\"\nc"')
    assert line("").endswith('msg=""')


def test_a_traceback_follows_its_record() -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f.py", 1, "failed", None, sys.exc_info())
    first, *rest = KeyValueFormatter().format(record).splitlines()
    assert first.endswith("msg=failed") and rest[-1] == "ValueError: boom"
