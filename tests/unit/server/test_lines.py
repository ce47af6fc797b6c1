"""Lines of streams, times and vectors."""

from __future__ import annotations

import json
import math
import re
import struct
import time
from datetime import UTC, datetime

import msgspec
import pytest

from pyollama.errors import BadVector
from pyollama.prompt.output import Delta, OutputParser
from pyollama.prompt.thinking import ThinkingParser
from pyollama.prompt.tools import ToolParser
from pyollama.server import clock, vectors
from pyollama.server.lines import ChatLines, GenerateLines, error_line, token_logprobs
from pyollama.wire.chat import AnsweredCall, AnsweredFunction
from pyollama.wire.runner import Finished, TokenLogprob

END = Finished(1, "stop", 3, 1, 10, 2, 20)
NASTY = 'a "quote", \\ back\nline \u2028 <b> \U0001f600'


class Timing:
    def total(self) -> int:
        return 50

    def load(self) -> int:
        return 0


@pytest.mark.parametrize("lines", [GenerateLines('m"'), ChatLines('m"')])
def test_a_chunk_is_one_line_of_json(lines: GenerateLines | ChatLines) -> None:
    line = lines.chunk(Delta(NASTY, "hm"), None)
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    chunk = json.loads(line)
    assert chunk["model"] == 'm"' and chunk["done"] is False
    text = chunk.get("message", chunk)
    assert (text.get("content", text.get("response")), text["thinking"]) == (NASTY, "hm")


def test_zero_metrics_are_left_out() -> None:
    """A035"""
    last = json.loads(GenerateLines("m").last(Delta(), END, Timing()))
    assert "load_duration" not in last and last["total_duration"] == 50
    assert list(last)[:5] == ["model", "created_at", "response", "done", "done_reason"]


def test_held_calls_come_before_the_last_line() -> None:
    calls = (AnsweredCall("call_1", AnsweredFunction(0, "f", {})),)
    first, last = ChatLines("m").last(Delta("rest", "", calls), END, Timing()).splitlines()
    assert json.loads(first)["message"]["tool_calls"][0]["id"] == "call_1"
    assert json.loads(last)["message"] == {"role": "assistant", "content": "rest"}


def test_the_end_by_length_is_told() -> None:
    end = Finished(1, "length", 3, 1, 10, 2, 20)
    assert json.loads(ChatLines("m").last(Delta(), end, Timing()))["done_reason"] == "length"


def test_an_error_line_has_one_key() -> None:
    assert json.loads(error_line('a "b"')) == {"error": 'a "b"'}


def test_bytes_of_an_empty_token_are_left_out() -> None:
    (entry,) = token_logprobs([TokenLogprob("", -0.5, b"")], top=False)
    assert (entry.token, entry.logprob) == ("", -0.5)
    assert json.loads(msgspec.json.encode(entry)) == {"token": "", "logprob": -0.5}


def test_both_parsers_work_behind_each_other() -> None:
    parser = OutputParser(ThinkingParser("<t>", "</t>"), ToolParser("<c>", ["f"]))
    deltas = [parser.add(letter) for letter in '<t>hm</t>Yes <c>{"name":"f","arguments":{}}</c>']
    deltas.append(parser.finish())
    assert "".join(delta.thinking for delta in deltas) == "hm"
    assert "".join(delta.content for delta in deltas) == "Yes "
    assert [call.function.name for delta in deltas for call in delta.calls] == ["f"]


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1_772_446_504_000_000_000, "2026-03-02T10:15:04Z"),
        (1_772_446_504_120_331_000, "2026-03-02T10:15:04.120331Z"),
        (1_772_446_504_000_000_001, "2026-03-02T10:15:04.000000001Z"),
    ],
)
def test_a032_the_fraction_has_no_trailing_zeros(monkeypatch: pytest.MonkeyPatch, nanoseconds: int, text: str) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds)
    assert clock.utc_now() == text


def test_local_times_have_an_offset(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 7, 1, 12, 30, 0, 250_000, tzinfo=UTC)
    for zone, text in (("UTC0", "2026-07-01T12:30:00.25Z"), ("XST-5:30", "2026-07-01T18:00:00.25+05:30")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert clock.local(moment) == text
    monkeypatch.undo()
    time.tzset()


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_vectors_keep_the_digits_they_have() -> None:
    vector = vectors.unpack(struct.pack("<4f", 0.1, -1.0, 0.0, 1e-12))
    printed = bytes(vectors.to_json(vector)).decode()
    assert [struct.pack("<f", value) for value in json.loads(printed)] == [struct.pack("<f", value) for value in vector]
    assert re.fullmatch(r"\[0\.1\d*,-1,0,\d(\.\d+)?e-1[23]\]", printed)


def test_a_shortened_vector_has_length_one() -> None:
    short = vectors.shortened(vectors.unpack(struct.pack("<3f", 3, 4, 12)), 2)
    assert list(short) == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("dimensions", [0, -1, 3, 4])
def test_other_dimensions_have_no_effect(dimensions: int) -> None:
    vector = vectors.unpack(struct.pack("<3f", 3, 4, 12))
    assert vectors.shortened(vector, dimensions) == vector


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(BadVector):
        vectors.unpack(struct.pack("<2f", 1, value))
