from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pyollama.cli.output.formats import eta, go_duration, go_number, human_bytes, human_number, human_time, parse_time

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1024, "1.0 KB"),
        (1500, "1.5 KB"),
        (999_999, "999 KB"),
        (4_661_224_676, "4.7 GB"),
        (9_960_000_000, "10.0 GB"),
        (42_000_000_000, "42 GB"),
        (10**15, "1000 TB"),
    ],
)
def test_bytes_are_shown_in_decimal_units(n: int, text: str) -> None:
    assert human_bytes(n) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (999, "999"),
        (1000, "1K"),
        (134_515_008, "134.52M"),
        (133_700_000, "133.70M"),
        (7_000_000, "7M"),
        (7 * 10**9, "7B"),
        (8_030_000_000, "8.0B"),
        (8_240_000_000, "8.2B"),
    ],
)
def test_counts_are_shown_short(n: int, text: str) -> None:
    assert human_number(n) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=0.4), "Less than a second ago"),
        (timedelta(seconds=1), "1 second ago"),
        (timedelta(seconds=59.9), "59 seconds ago"),
        (timedelta(seconds=60), "About a minute ago"),
        (timedelta(seconds=119), "About a minute ago"),
        (timedelta(seconds=120), "2 minutes ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(minutes=89), "About an hour ago"),
        (timedelta(minutes=90), "2 hours ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(hours=48), "2 days ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=14), "2 weeks ago"),
        (timedelta(days=59), "8 weeks ago"),
        (timedelta(days=60), "2 months ago"),
        (timedelta(days=729), "24 months ago"),
        (timedelta(days=731), "2 years ago"),
        (timedelta(minutes=-4, seconds=-59), "4 minutes from now"),
        (timedelta(days=-20 * 366), "20 years from now"),
        (timedelta(days=-21 * 366), "Forever"),
    ],
)
def test_times_are_shown_relative_to_now(ago: timedelta, text: str) -> None:
    assert human_time(NOW - ago, NOW) == text


@pytest.mark.parametrize("text", ["", "0001-01-01T00:00:00Z"])
def test_no_time_is_never(text: str) -> None:
    assert human_time(parse_time(text), NOW) == "Never"


def test_a_time_with_nanoseconds_and_zone_is_read() -> None:
    assert parse_time("2026-03-02T13:00:00.123456789+01:00") == NOW.replace(microsecond=123456)


def test_a_time_beyond_the_calendar_is_forever() -> None:
    assert human_time(parse_time("12345-01-01T00:00:00Z"), NOW) == "Forever"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (12_500, "12.5µs"),
        (107_345_000, "107.345ms"),
        (534_986_708, "534.986708ms"),
        (10**9, "1s"),
        (4_935_886_791, "4.935886791s"),
        (62_500_000_000, "1m2.5s"),
        (300 * 10**9, "5m0s"),
        (3603 * 10**9, "1h0m3s"),
        (-5 * 10**9, "-5s"),
    ],
)
def test_durations_are_shown_as_go_shows_them(ns: int, text: str) -> None:
    assert go_duration(ns) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(28, "28s"), (65, "1m5s"), (8021, "2h13m"), (360_000, "99h+"), (0.4, "0s")]
)
def test_time_left_fits_six_columns(seconds: float, text: str) -> None:
    assert eta(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(131072, "131072"), (8_000_000_000, "8e+09"), (1e-05, "1e-05"), (10000.0, "10000"), (0, "0"), (-2.5, "-2.5")],
)
def test_metadata_numbers_are_shown_in_their_shortest_form(value: float, text: str) -> None:
    assert go_number(value) == text
