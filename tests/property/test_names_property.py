"""Model names: printing and parsing are inverses, and any text either parses or is refused."""

from __future__ import annotations

import contextlib
import string
from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from pyollama.errors import InvalidName
from pyollama.store import ModelName

_FIRST = string.ascii_letters + string.digits + "_"


def _part(further: str, longest: int) -> st.SearchStrategy[str]:
    rest = st.text(_FIRST + further, max_size=longest - 1)
    return st.builds(str.__add__, st.sampled_from(_FIRST), rest)


names = st.builds(ModelName, _part("-.:", 350), _part("-", 80), _part("-.", 80), _part("-.", 80))


@given(names)
def test_printing_then_parsing_gives_the_same_name(name: ModelName) -> None:
    assert ModelName.parse(name.shortest()) == name
    assert ModelName.parse(name.full()) == name


@given(st.text(string.ascii_letters + "0_-.:/\\@ \0é", max_size=40) | st.text())
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidName):
        name = ModelName.parse(text)
        assert ModelName.parse(name.shortest()) == name


@given(st.text("ab./\\:-_", max_size=30))
def test_no_name_leads_out_of_its_folder(text: str) -> None:
    with contextlib.suppress(InvalidName):
        parts = ModelName.parse(text).parts
        assert PurePosixPath(*parts).parts == parts
        assert not {"", ".", ".."} & set(parts)
