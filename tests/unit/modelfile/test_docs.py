"""Every example of the two reference pages runs, and the pages name everything there is."""

import io
import json
import re
import sys
from pathlib import Path

import pytest

from modelfile_grammar import PARAMETERS, build, parse
from modelfile_grammar.template import FUNCTIONS, Template, render_prompt
from modelfile_grammar.words import INSTRUCTIONS
from pyollama.cli.main import run

ROOT = Path(__file__).parents[3]
MODELFILE = (ROOT / "docs" / "reference" / "modelfile.md").read_text("utf-8")
TEMPLATE = (ROOT / "docs" / "reference" / "template.md").read_text("utf-8")
README = (ROOT / "modelfile_grammar" / "README.md").read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, without the indentation of the list they may stand in."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


@pytest.mark.parametrize("source", blocks(MODELFILE, "dockerfile"))
def test_every_modelfile_example_builds_without_warnings(source: str) -> None:
    assert build(parse(source)).warnings == []


@pytest.mark.parametrize("code", [block for page in (MODELFILE, TEMPLATE, README) for block in blocks(page, "python")])
def test_every_python_example_runs(code: str) -> None:
    exec(compile(code, "example", "exec"), {})


def test_the_lint_example_prints_what_it_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *lines = blocks(MODELFILE, "console")[0].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("-:"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join([*lines[:start], ""]).encode())))

    assert run(command.removeprefix("$ pyollama ").split()) == 5
    assert capsys.readouterr().out.splitlines() == lines[start:]


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_in_the_table_of_its_kind(name: str) -> None:
    parameter = PARAMETERS[name]
    (row,) = [line for line in MODELFILE.splitlines() if line.startswith(f"| `{name}` |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]

    assert len(cells) == (3 if parameter.retired else 4)
    if not parameter.retired:
        default = {None: "automatic", (): "empty"}.get(parameter.default, str(parameter.default))  # type: ignore[arg-type]
        assert cells[2] == default


@pytest.mark.parametrize("word", INSTRUCTIONS)
def test_every_instruction_is_described(word: str) -> None:
    assert f"| `{word.upper()}` |" in MODELFILE


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_described(name: str) -> None:
    assert re.search(rf"^\| .*`{name}[ `]", TEMPLATE, re.MULTILINE)


DATA = json.loads(blocks(TEMPLATE, "json")[0])


def examples() -> list[tuple[str, str]]:
    rows = re.findall(r"^\| `(.*?[^\\])` \| `(.*?)` \|$", TEMPLATE, re.MULTILINE)
    return [
        (left.replace("\\|", "|"), right.replace("\\|", "|"))
        for left, right in rows
        if "{{" in left and "…" not in left
    ]


@pytest.mark.parametrize(("text", "expected"), examples())
def test_every_template_example_gives_what_it_says(text: str, expected: str) -> None:
    assert Template.parse(text).render(DATA) == expected


def test_there_are_many_template_examples() -> None:
    assert len(examples()) > 40


PROMPTS = list(zip(blocks(TEMPLATE, "gotemplate"), blocks(TEMPLATE, "json")[1:], blocks(TEMPLATE, "text"), strict=True))


@pytest.mark.parametrize(("text", "request_json", "expected"), PROMPTS)
def test_every_prompt_example_gives_what_it_shows(text: str, request_json: str, expected: str) -> None:
    prompt = "".join(render_prompt(Template.parse(text), **json.loads(request_json)))

    assert prompt.rstrip("\n") == expected.rstrip("\n")
