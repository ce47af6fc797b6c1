"""Answers that are no streams."""

from __future__ import annotations

import pytest

from pyollama.errors import ModelNotFound, ServerBusy, TooManyBodies
from pyollama.server import answers


@pytest.mark.parametrize("busy", [ServerBusy(), TooManyBodies()])
def test_a167_a_server_that_is_busy_says_when_to_come_back(busy: ServerBusy | TooManyBodies) -> None:
    answer = answers.error(busy)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_other_errors_do_not() -> None:
    assert "Retry-After" not in answers.error(ModelNotFound("m")).headers


def test_methods_come_in_ollamas_order() -> None:
    assert answers.allow({"POST", "GET", "DELETE", "HEAD"}) == "HEAD, GET, POST, DELETE"
