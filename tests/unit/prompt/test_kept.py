"""How many parsed templates stay in memory."""

from __future__ import annotations

import pytest

from modelfile_grammar.template import TemplateSyntaxError
from pyollama.prompt.kept import CHARACTERS, NEWEST, Kept


def test_a_template_is_parsed_once() -> None:
    kept = Kept()
    assert kept.get("{{ .A }}") is kept.get("{{ .A }}")


def test_small_ones_stay_and_the_least_used_goes() -> None:
    kept = Kept()
    size = CHARACTERS // 8
    first = kept.get("0" * size)
    for number in range(1, 8):
        kept.get(str(number) * size)
    assert kept.get("0" * size) is first
    second = kept.get("1" * size)

    kept.get("8" * size)  # the third has not been used for longest

    assert len(kept) == 8
    assert (kept.get("0" * size), kept.get("1" * size)) == (first, second)


def test_large_ones_stay_as_long_as_they_are_the_newest() -> None:
    kept = Kept()
    for number in range(20):
        template = kept.get(str(number) * CHARACTERS)
        assert kept.get(str(number) * CHARACTERS) is template
    assert len(kept) == NEWEST


def test_what_does_not_parse_is_not_kept() -> None:
    kept = Kept()
    with pytest.raises(TemplateSyntaxError):
        kept.get("{{")
    assert len(kept) == 0
