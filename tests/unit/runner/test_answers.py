"""Answers read in the runner: which events change, and which pass."""

from __future__ import annotations

import queue
import threading

import pytest

from pyollama.runner.answers import MAKERS, AnswerReader, Calls, Event

SECONDS = 10.0  # for a thread


class Shouting:
    """A parser: small letters are thought, and the rest is content; a call at the end."""

    def __init__(self, source: bytes) -> None:
        if source != b"good":
            raise ValueError("no parser")

    def add(self, text: str) -> tuple[str, str, Calls]:
        return "".join(filter(str.isupper, text)), "".join(filter(str.islower, text)), []

    def finish(self) -> tuple[str, str, Calls, bool]:
        return "", "", [("f", "{}")], True


def piece(request: int, text: str, logprobs: object = None) -> Event:
    return (3, request, text, logprobs)


FINISHED: Event = (4, 1, "stop")
FAILED: Event = (5, 1, "internal", "x")


class Opened:
    """A reader whose parsers are made when ``release`` says so."""

    def __init__(self) -> None:
        self.sent: queue.Queue[list[Event]] = queue.Queue()
        self._may_open = threading.Event()
        self.reader = AnswerReader(self._make, self.sent.put)

    def _make(self, source: bytes) -> Shouting:
        assert self._may_open.wait(SECONDS)
        return Shouting(source)

    def release(self) -> list[Event]:
        """What had waited."""
        self._may_open.set()
        return self.sent.get(timeout=SECONDS)


@pytest.fixture
def opened() -> Opened:
    return Opened()


def test_pieces_of_a_request_with_a_parser_come_read(opened: Opened) -> None:
    opened.reader.attach(1, b"good")
    assert opened.reader.read([piece(1, "aB"), piece(2, "aB")]) == [piece(2, "aB")]
    assert opened.release() == [(3, 1, "B", None, "a", [])]
    assert opened.reader.read([piece(1, "-"), piece(1, "-", ["p"]), piece(1, "C"), FINISHED]) == [
        (3, 1, "", ["p"], "", []),
        (3, 1, "C", None, "", []),
        (3, 1, "", None, "", [("f", "{}")], True),
        FINISHED,
    ]


def test_a_parser_that_is_late_holds_up_its_own_request_only(opened: Opened) -> None:
    opened.reader.attach(1, b"good")
    assert opened.reader.read([piece(1, "aB"), piece(2, "x"), FINISHED]) == [piece(2, "x")]
    assert opened.reader.read([piece(2, "y")]) == [piece(2, "y")]
    assert opened.release() == [(3, 1, "B", None, "a", []), (3, 1, "", None, "", [("f", "{}")], True), FINISHED]


@pytest.mark.parametrize("end", [FAILED, (4, 1, "cancelled")])
def test_an_end_without_an_answer_does_not_wait(opened: Opened, end: Event) -> None:
    opened.reader.attach(1, b"good")
    assert opened.reader.read([end]) == [end]
    assert opened.reader.read([piece(1, "aB")]) == [piece(1, "aB")]  # nothing is kept


def test_after_its_end_nothing_is_kept_of_a_request(opened: Opened) -> None:
    opened.reader.attach(1, b"good")
    assert opened.reader.read([FINISHED]) == []
    assert opened.release()[-1] == FINISHED
    assert opened.reader.read([piece(1, "aB")]) == [piece(1, "aB")]
    opened.reader.attach(1, b"good")
    opened.reader.detach(1)
    assert opened.reader.read([piece(1, "aB"), FINISHED]) == [piece(1, "aB"), FINISHED]


def test_without_a_parser_all_is_content(opened: Opened) -> None:
    opened.reader.attach(1, b"bad")
    assert opened.reader.read([piece(1, "aB")]) == []
    assert opened.release() == [piece(1, "aB")]
    assert opened.reader.read([piece(1, "aB"), FINISHED]) == [piece(1, "aB"), FINISHED]
    assert opened.reader.read([(0, 0.5), (7, 1, [[1]])]) == [(0, 0.5), (7, 1, [[1]])]


def test_no_parser_is_made_for_who_has_left(opened: Opened) -> None:
    made: list[bytes] = []
    reader = AnswerReader(lambda source: made.append(source) or opened._make(source), opened.sent.put)
    for request in range(MAKERS):
        reader.attach(request, b"good")  # these keep all threads
    reader.attach(8, b"left")
    reader.attach(9, b"failed")
    reader.attach(10, b"last")
    reader.detach(8)
    reader.read([(5, 9, "internal", "x"), piece(10, "A")])

    assert opened.release() == [piece(10, "A")]  # "last" is no parser, so all is content
    assert made == [b"good"] * MAKERS + [b"last"]
