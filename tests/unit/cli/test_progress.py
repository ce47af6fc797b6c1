from __future__ import annotations

import io

import pytest

from pyollama.cli.output.items import ASCII, UNICODE, Bar, Spinner
from pyollama.cli.output.progress import Lines, Redrawn


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def running_bar(clock: Clock) -> Bar:
    bar = Bar("pulling dde5aa3fc5ff:", 2_000_000_000, now=clock.now, clock=clock)
    for _ in range(11):
        clock.now += 1
        bar.set(bar.done + 38_000_000)
    bar.set(940_000_000)
    return bar


@pytest.mark.parametrize("columns", [80, 120])
def test_a_bar_is_one_column_narrower_than_the_terminal(clock: Clock, columns: int) -> None:
    assert len(running_bar(clock).line(clock.now, columns, UNICODE)) == columns - 1


def test_a_running_bar_shows_amount_speed_and_time_left(clock: Clock) -> None:
    line = running_bar(clock).line(clock.now, 80, UNICODE)
    assert line == "pulling dde5aa3fc5ff:  47% ▕████████          ▏ 940 MB/  2 GB   38 MB/s     28s"


def test_speed_and_time_left_are_blank_before_the_first_sample(clock: Clock) -> None:
    line = Bar("x", 1000, now=clock.now, clock=clock).line(clock.now, 80, UNICODE)
    assert line.endswith("▏    0 B/  1 KB" + " " * 18)


def test_a_complete_bar_shows_the_total_only(clock: Clock) -> None:
    bar = Bar("x", 4_661_224_676, 4_661_224_676, now=clock.now, clock=clock)
    line = bar.line(clock.now, 80, UNICODE)
    assert line.startswith("x 100% ▕█") and line.endswith("█▏ 4.7 GB" + " " * 25)


def test_what_was_there_before_is_no_speed(clock: Clock) -> None:
    bar = Bar("x", 1000, 900, now=clock.now, clock=clock)
    clock.now += 1
    bar.set(910)
    assert bar.speed(clock.now) == 10


def test_a_spinner_turns_ten_times_a_second() -> None:
    spinner = Spinner("pulling manifest", now=0.0)
    assert [spinner.line(t, 80, UNICODE) for t in (0.0, 0.11, 1.01)] == [
        "pulling manifest ⠋ ",
        "pulling manifest ⠙ ",
        "pulling manifest ⠋ ",
    ]


def test_a_stopped_spinner_keeps_its_message() -> None:
    spinner = Spinner("success")
    spinner.stop()
    assert spinner.line(5.0, 80, UNICODE) == "success "


def test_a_long_message_leaves_room_for_its_percentage() -> None:
    spinner = Spinner("copying file sha256:" + "0" * 64)
    spinner.detail = "47%"
    line = spinner.line(0.0, 80, UNICODE)
    assert len(line) == 79 and line.endswith("0 47% ⠋ ")


def test_glyphs_can_be_ascii(clock: Clock) -> None:
    assert running_bar(clock).line(clock.now, 80, ASCII).isascii()
    assert Spinner("x").line(0.31, 80, ASCII) == "x \\ "


def test_lines_are_printed_once_each_and_hold_no_escape_codes(clock: Clock) -> None:
    stream = io.StringIO()
    with Lines(stream, clock) as progress:
        progress.spinner("pulling manifest")
        spinner = progress.spinner()
        spinner.message = "verifying sha256 digest"
        spinner.message = "verifying sha256 digest"
    assert stream.getvalue() == "pulling manifest\nverifying sha256 digest\n"


def test_a_bar_without_a_terminal_prints_at_ten_percent_steps_and_every_five_seconds(clock: Clock) -> None:
    stream = io.StringIO()
    bar = Lines(stream, clock).bar("pulling x:", 1000, 5)
    for done, seconds in ((50, 1), (90, 1), (150, 1), (160, 5), (1000, 1)):
        clock.now += seconds
        bar.set(done)
    percents = [line.split()[2] for line in stream.getvalue().splitlines()]
    assert percents == ["0%", "15%", "16%", "100%"]


def test_frames_replace_each_other_and_the_cursor_stays_visible(clock: Clock) -> None:
    stream = Terminal()
    with Redrawn(stream, clock) as progress:
        progress.spinner("one").stop()
        progress.spinner("two").stop()
    last_frame = stream.getvalue().split("\x1b[?2026h")[-1]
    assert last_frame.endswith("one \x1b[K\ntwo \x1b[K\x1b[?25h\x1b[?2026l\n")


def test_clearing_erases_every_line(clock: Clock) -> None:
    stream = Terminal()
    progress = Redrawn(stream, clock)
    progress.spinner("one").stop()
    progress.spinner("two").stop()
    progress._halt()
    progress.draw()
    progress.clear()
    assert stream.getvalue().endswith("\x1b[1A\x1b[1G\x1b[J")


def test_a_frame_holds_no_more_lines_than_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "3")
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    with Redrawn(stream, clock) as progress:
        for i in range(10):
            progress.spinner(f"item {i}").stop()
    assert stream.getvalue().split("\x1b[?2026h")[-1].count("item") == 3


def test_lines_folded_by_a_narrower_terminal_are_replaced_as_well(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    progress = Redrawn(stream, clock)
    progress.spinner("x" * 30).stop()
    progress._halt()
    progress.draw()
    monkeypatch.setenv("COLUMNS", "20")
    progress.draw()
    assert "\x1b[1A\x1b[1G" in stream.getvalue().split("\x1b[?2026h")[-1]
