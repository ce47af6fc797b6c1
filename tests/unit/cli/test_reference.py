from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from modelfile_grammar import build, parse
from pyollama.cli import flags
from pyollama.cli.help import reference
from pyollama.cli.root import cli as root

DOCS = Path(__file__).parents[3] / "docs"
TUTORIAL = (DOCS / "tutorial" / "first-model.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "page"), [("cli", reference.command_page), ("environment", reference.environment_page)]
)
def test_the_reference_pages_say_what_the_program_says(name: str, page: Callable[[], str]) -> None:
    assert (DOCS / "reference" / f"{name}.md").read_text("utf-8") == page()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("dockerfile"))
def test_the_modelfiles_of_the_tutorial_are_modelfiles(text: str) -> None:
    assert build(parse(text)).froms


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines() if "pyollama " in line])
def test_the_commands_of_the_tutorial_are_commands(line: str) -> None:
    _, name, *args = shlex.split(line.partition("pyollama")[1] + line.partition("pyollama")[2])
    context: Any = click.Context(root, info_name="pyollama", **root.context_settings)
    if name.startswith("-"):
        assert flags.normalise(root.get_params(context), [name])
        return
    command = root.get_command(context, name)
    assert command is not None
    normal = flags.normalise(command.get_params(context), args)
    flags.check_count(command.get_params(context), normal)
