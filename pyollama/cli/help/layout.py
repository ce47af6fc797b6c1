"""The layout of help: what it does, usage, commands or flags, environment variables."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import click

from pyollama.cli.flags import BOOL, INT, Flag
from pyollama.cli.group import Command, LazyGroup

_NAME = 27  # columns of a variable's name


def command_help(command: Command, ctx: click.Context) -> str:
    arguments = " ".join(_argument(p) for p in command.params if isinstance(p, click.Argument))
    usage = " ".join(filter(None, [ctx.command_path, arguments, "[flags]"]))
    sections = [inspect.cleandoc(command.help or ""), f"Usage:\n  {usage}", f"Flags:\n{_flags(command, ctx)}"]
    if command.variables:
        rows = (f"      {name:<{_NAME}}   {text}" for name, text in command.variables.items())
        sections.append("Environment Variables:\n" + "\n".join(rows))
    return "\n\n".join(sections) + "\n"


def group_help(group: LazyGroup, ctx: click.Context) -> str:
    width = max(map(len, group.list_commands(ctx))) + 2
    commands = (f"  {name:<{width}}{group.lazy[name][1]}" for name in group.list_commands(ctx))
    sections = [
        inspect.cleandoc(group.help or ""),
        "Usage:\n  pyollama [flags]\n  pyollama [command]",
        "Commands:\n" + "\n".join(commands),
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
