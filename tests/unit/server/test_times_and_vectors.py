"""Times and vectors."""

from __future__ import annotations

import json
import math
import struct
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyollama.native import _vectors
from pyollama.server import clock

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


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_vectors_keep_the_digits_they_have(values: list[float]) -> None:
    raw = struct.pack(f"<{len(values)}f", *values)
    printed = _vectors.to_json(raw, width=len(values)).decode()
    assert printed == "[" + ",".join(f"{value:.9g}" for value in values) + "]"
    assert struct.pack(f"<{len(values)}f", *json.loads(printed, parse_int=float)) == raw


def test_many_vectors_are_written_with_commas_between_them() -> None:
    assert _vectors.to_json(struct.pack("<4f", 1, 2, 3, 4), width=2) == b"[1,2],[3,4]"
    assert _vectors.to_json(b"", width=0) == b""


def test_a_shortened_vector_has_length_one() -> None:
    raw = [struct.pack("<3f", 3, 4, 12), struct.pack("<3f", 0, 0, 12)]
    assert struct.unpack("<4f", _vectors.packed(raw, width=2)) == pytest.approx([0.6, 0.8, 0, 0])
    assert _vectors.packed(raw, width=3) == b"".join(raw)


@pytest.mark.parametrize("numbers", [(1, math.nan), (1, math.inf), (-math.inf, 1), (math.inf, -math.inf)])
@pytest.mark.parametrize("width", [1, 2])
def test_b8_numbers_that_are_none_are_refused(numbers: tuple[float, float], width: int) -> None:
    with pytest.raises(ValueError, match=r"^1$"):
        _vectors.packed([struct.pack("<2f", 1, 2), struct.pack("<2f", *numbers)], width=width)
