"""Times and vectors."""

from __future__ import annotations

import json
import math
import re
import struct
import time
from datetime import UTC, datetime

import pytest

from pyollama.errors import BadVector
from pyollama.server import clock, vectors

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
