"""Answers read in the runner: which events change, and which pass."""

from __future__ import annotations

from pyollama.runner.answers import AnswerReader, Calls, Event


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


def test_pieces_of_a_request_with_a_parser_come_read() -> None:
    reader = AnswerReader(Shouting)
    reader.attach(1, b"good")
    events = reader.read([piece(1, "aB"), piece(2, "aB"), piece(1, "-"), piece(1, "-", ["p"]), FINISHED])
    assert events == [
        (3, 1, "B", None, "a", []),
        piece(2, "aB"),
        (3, 1, "", ["p"], "", []),
        (3, 1, "", None, "", [("f", "{}")], True),
        FINISHED,
    ]


def test_after_its_end_nothing_is_kept_of_a_request() -> None:
    reader = AnswerReader(Shouting)
    for end in (FINISHED, (5, 1, "internal", "x")):
        reader.attach(1, b"good")
        reader.read([end])
        assert reader.read([piece(1, "aB")]) == [piece(1, "aB")]
    reader.attach(1, b"good")
    reader.detach(1)
    assert reader.read([piece(1, "aB"), FINISHED]) == [piece(1, "aB"), FINISHED]


def test_without_a_parser_all_is_content() -> None:
    reader = AnswerReader(Shouting)
    reader.attach(1, b"bad")
    assert reader.read([piece(1, "aB"), FINISHED]) == [piece(1, "aB"), FINISHED]
    assert reader.read([(0, 0.5), (7, 1, [[1]])]) == [(0, 0.5), (7, 1, [[1]])]
