"""The layout of help: what it does, usage, commands or flags, environment variables."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

import click

from pyollama.cli.flags import BOOL, INT, Flag

_NAME = 27  # columns of a variable's name


def command_help(command: click.Command, ctx: click.Context, variables: Mapping[str, str]) -> str:
    """``variables``: the environment variables that the command reads, with what they say."""
    arguments = " ".join(_argument(p) for p in command.params if isinstance(p, click.Argument))
    usage = " ".join(filter(None, [ctx.command_path, arguments, "[flags]"]))
    sections = [inspect.cleandoc(command.help or ""), f"Usage:\n  {usage}", f"Flags:\n{_flags(command, ctx)}"]
    if variables:
        rows = (f"      {name:<{_NAME}}   {text}" for name, text in variables.items())
        sections.append("Environment Variables:\n" + "\n".join(rows))
    return "\n\n".join(sections) + "\n"


def group_help(group: click.Group, ctx: click.Context, commands: Mapping[str, str]) -> str:
    """``commands``: the commands in the order to show them, each in one line."""
    width = max(map(len, commands)) + 2
    lines = (f"  {name:<{width}}{text}" for name, text in commands.items())
    sections = [
        inspect.cleandoc(group.help or ""),
        "Usage:\n  pyollama [flags]\n  pyollama [command]",
        "Commands:\n" + "\n".join(lines),
        f"Flags:\n{_flags(group, ctx)}",
        'Use "pyollama [command] --help" for more information about a command.',
    ]
    return "\n\n".join(sections) + "\n"


def _argument(param: click.Argument) -> str:
    if param.metavar:
        return param.metavar
    return (param.name or "").upper()


def _flags(command: click.Command, ctx: click.Context) -> str:
    options = [p for p in command.get_params(ctx) if isinstance(p, click.Option) and not p.hidden]
    heads = [_head(option) for option in options]
    width = max(map(len, heads)) + 3
    return "\n".join(
        f"{head:<{width}}{option.help or ''}".rstrip() for head, option in zip(heads, options, strict=True)
    )


def _head(option: click.Option) -> str:
    short = next((name for name in option.opts if not name.startswith("--")), "")
    long = next(name for name in option.opts if name.startswith("--"))
    return f"  {short + ',' if short else '   '} {long}{_value(option)}"


def _value(option: click.Option) -> str:
    if option.is_flag or option.type is BOOL:
        return ""
    kind = option.metavar or ("int" if option.type is INT else "string")
    return f"[={kind}]" if isinstance(option, Flag) else f" {kind}"


def rows(items: Iterable[tuple[str, str]]) -> str:
    """Two columns, two blanks in."""
    pairs = list(items)
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in pairs)
