"""What a request says about thinking."""

from typing import Any

import pytest

from pyollama.errors import BadRequest
from pyollama.prompt.effort import Effort


@pytest.mark.parametrize(
    ("value", "effort"),
    [
        (None, Effort(False, "", False)),
        (True, Effort(True, "medium", True)),
        (False, Effort(False, "", True)),
        ("max", Effort(True, "max", True)),
    ],
)
def test_values(value: Any, effort: Effort) -> None:
    assert Effort.parse(value) == effort


@pytest.mark.parametrize("value", ["ultra", "", 3, [], {}])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(BadRequest):
        Effort.parse(value)


def test_a_model_that_can_think_does_unless_told_otherwise() -> None:
    assert Effort.parse(None).of_model({"thinking"}, "m").on
    assert not Effort.parse(False).of_model({"thinking"}, "m").on
