"""The numbered cases of the template language, each by its number."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from modelfile_grammar.template import Template, TemplateError, render_prompt
from modelfile_grammar.template.analysis import thinking_tags as infer_thinking_tags

TODAY = date(2026, 8, 21)
DATA = {
    "S": "hi",
    "E": "",
    "N": 3,
    "Z": 0,
    "F": 1.5,
    "T": True,
    "L": ["a", "b", "c"],
    "EL": [],
    "M": {"b": 2, "a": 1},
    "LM": [{"K": "x"}, {"K": "y"}],
    "Q": "<a & 'b'>",
    "nul": None,
}


def cases(name: str) -> list[Any]:
    lines = (Path(__file__).parent / f"{name}_cases.jsonl").read_text("utf-8").splitlines()
    return [pytest.param(*json.loads(line)[1:3], *json.loads(line)[3:4], id=json.loads(line)[0]) for line in lines]


@pytest.mark.parametrize(("text", "expected"), cases("engine"))
def test_the_engine_renders_or_fails_as_numbered(text: str, expected: str | dict[str, str]) -> None:
    if isinstance(expected, str):
        assert Template.parse(text).render(DATA, today=TODAY) == expected
        return
    with pytest.raises(TemplateError) as caught:
        Template.parse(text).render(DATA, today=TODAY)
    assert expected["error"] in str(caught.value)


@pytest.mark.parametrize(("text", "given", "expected"), cases("rendering"))
def test_a_prompt_renders_or_fails_as_numbered(
    text: str, given: dict[str, Any], expected: str | dict[str, str]
) -> None:
    if isinstance(expected, str):
        assert "".join(render_prompt(Template.parse(text), **given, today=TODAY)) == expected
        return
    with pytest.raises(TemplateError) as caught:
        render_prompt(Template.parse(text), **given, today=TODAY)
    assert expected["error"] in str(caught.value)


@pytest.mark.parametrize(("text", "expected"), cases("thinking_tags"))
def test_thinking_tags_are_inferred_as_numbered(text: str, expected: list[str]) -> None:
    template = Template.parse(text)

    assert list(infer_thinking_tags(template.program.bodies[""])) == expected
    assert template.thinking_tags == (tuple(expected) if all(expected) else None)


@pytest.mark.parametrize(("text", "expected"), cases("tool_tags"))
def test_the_tool_call_tag_is_found_as_numbered(text: str, expected: str) -> None:
    assert Template.parse(text).tool_call_tag == expected
