"""The reference pages of commands and variables, made from what the program itself says.

``python -m pyollama.cli.help.reference docs/reference`` writes them; a test compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pyollama.cli.commands import ALIASES
from pyollama.cli.help.environment import CLIENT, IGNORED, OTHER, SERVER
from pyollama.cli.root import cli

_COMMANDS = """# Command line

`pyollama` talks to a running server over HTTP, except where a command says otherwise. Made from the program's own
help by `python -m pyollama.cli.help.reference`.

## Rules for all commands

- Flags may stand before, between or after arguments, as `--flag value` or `--flag=value`; `--` ends them. Flags that
  are on or off also take `=true` and `=false`. `--think` takes its level only with `=`.
- `--host`, `--color` and `--debug` work with every command.
- Answers go to standard output, progress and warnings to standard error. What does not go to a terminal holds no
  escape codes and is never wrapped.
- `NO_COLOR` and `--color=never` remove colour.

| Exit status | Meaning |
|---|---|
| 0 | done |
| 1 | failed; one line on standard error begins with `Error: ` |
| 2 | wrong usage |
| 3 | a file cannot be read, or there is no such model (`lint`, `fmt`, `render`) |
| 5 | a check failed (`doctor`, `lint`, `fmt --check`) |
| 130 | interrupted by Ctrl+C |
| 141 | the reader of standard output left |
"""
_ENVIRONMENT = """# Environment variables

Each variable is looked up as `PYOLLAMA_<NAME>` first, then as `OLLAMA_<NAME>`. Blanks and quotes around a value are
removed. A value that makes no sense gives the default, and a warning in the log; `pyollama doctor` lists such values.
So it does with variables of Ollama that have no effect here.

- A switch is off for `0`, `f`, `F`, `false`, `False`, `FALSE`, and on for any other text; empty means not set.
- A duration is text such as `90s` or `1h30m`, or a whole number of seconds.
- An address is `[scheme://]host[:port][/path]`. Without a scheme the port is 11434, with `http://` 80, with
  `https://` 443. `:port` alone means all interfaces; port 0 lets the system choose. Only clients use the path.
"""


def command_page() -> str:
    """The text of docs/reference/cli.md."""
    root = click.Context(cli, info_name="pyollama", **cli.context_settings)
    parts = [_COMMANDS, _section("pyollama", cli.get_help(root))]
    for name in cli.list_commands(root):
        command = cli.get_command(root, name)
        assert command is not None
        text = command.get_help(click.Context(command, info_name=name, parent=root, **command.context_settings))
        also = ", ".join(f"`{alias}`" for alias, target in ALIASES.items() if target == name)
        parts.append(_section(f"pyollama {name}", text, f"Also {also}.\n\n" if also else ""))
    return "\n".join(parts)


def environment_page() -> str:
    """The text of docs/reference/environment.md."""
    tables = (("Server", SERVER), ("Command line", CLIENT), ("Without a prefix", OTHER), ("Without effect", IGNORED))
    return "\n".join([_ENVIRONMENT, *(_table(title, rows) for title, rows in tables)])


def _section(title: str, help_text: str, intro: str = "") -> str:
    return f"## {title}\n\n{intro}```text\n{help_text.strip()}\n```\n"


def _table(title: str, rows: dict[str, str]) -> str:
    lines = "".join(f"| `{name}` | {text} |\n" for name, text in rows.items())
    return f"## {title}\n\n| Name | Meaning |\n|---|---|\n{lines}"


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "cli.md").write_text(command_page(), "utf-8")
    (folder / "environment.md").write_text(environment_page(), "utf-8")


if __name__ == "__main__":
    main()
