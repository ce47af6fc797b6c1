from __future__ import annotations

from pyollama.cli.output.tables import clip, table, width, wrap


def test_rows_end_with_four_blanks_and_the_header_with_one() -> None:
    text = table(
        [["llama3.2:latest", "a80c4f17acd5", "2.0 GB", "2 days ago"]], header=("NAME", "ID", "SIZE", "MODIFIED")
    )
    assert text == (
        "NAME               ID              SIZE      MODIFIED   \n"
        "llama3.2:latest    a80c4f17acd5    2.0 GB    2 days ago    \n"
    )


def test_a_table_without_rows_is_its_header() -> None:
    assert table([], header=("NAME", "ID")) == "NAME    ID \n"


def test_columns_are_measured_in_terminal_columns() -> None:
    assert table([["模型", "x"], ["abcde", "y"]]) == "模型     x    \nabcde    y    \n"


def test_long_cells_are_continued_on_the_next_line() -> None:
    assert table([["a", "one two"]], limit=4) == "a    one    \n     two    \n"


def test_a_long_word_is_not_broken() -> None:
    assert wrap("abcdefghij kl", 5) == ["abcdefghij", "kl"]


def test_combining_characters_take_no_column() -> None:
    assert width("e\u0301") == 1


def test_clipping_never_splits_a_wide_character() -> None:
    assert clip("ab模型", 5) == "ab模"
