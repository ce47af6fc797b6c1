"""Flags as Ollama's users write them, on top of click.

``--verbose=false`` works, ``--think high`` leaves ``high`` alone while ``--think=high`` sets it, and wrong usage reads
as it does there. Arguments are normalised before click parses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_TRUE, _FALSE = ("1", "t", "T", "true", "True", "TRUE"), ("0", "f", "F", "false", "False", "FALSE")


class Flag(click.Option):
    """An option that may stand without a value; ``bare`` is what it means then."""

    def __init__(self, *args: Any, bare: str = "true", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bare = bare


class _Bool(click.ParamType):  # type: ignore[type-arg]  # generic in the newest click only
    name = "bool"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        if isinstance(value, bool):
            return value
        if value in _TRUE or value in _FALSE:
            return value in _TRUE
        flag = param.opts[0] if param else ""
        raise click.UsageError(f'invalid argument "{value}" for "{flag}" flag: parsing "{value}": invalid syntax')


class _Int(click.ParamType):  # type: ignore[type-arg]  # as above
    name = "int"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(value)
        except ValueError:
            flag = param.opts[0] if param else ""
            raise click.UsageError(
                f'invalid argument "{value}" for "{flag}" flag: parsing "{value}": invalid syntax'
            ) from None


BOOL, INT = _Bool(), _Int()


def switch(*names: str, default: bool | None = False, **kwargs: Any) -> Callable[[F], F]:
    """A decorator for an on/off option: ``--x``, ``--x=true``, ``--x=false``."""
    return click.option(*names, cls=Flag, type=BOOL, default=default, **kwargs)


def normalise(params: Sequence[click.Parameter], args: Sequence[str], *, interspersed: bool = True) -> list[str]:
    """Arguments in the one form click reads without doubt: ``--name=value`` and positionals.

    Args:
        interspersed: flags may follow positionals; false ends at the first positional.

    Raises:
        click.UsageError: an unknown flag, or one without its value.
    """
    options = {name: param for param in params if isinstance(param, click.Option) for name in param.opts}
    given = iter(args)
    result: list[str] = []
    for arg in given:
        if arg == "--":
            return [*result, arg, *given]
        if arg.startswith("--"):
            result.append(_long(options, arg, given))
        elif arg.startswith("-") and arg != "-":
            result += _short(options, arg, given)
        elif interspersed:
            result.append(arg)
        else:
            return [*result, arg, *given]
    return result


def check_count(params: Sequence[click.Parameter], args: Sequence[str]) -> None:
    """Raise the usage error for too few or too many positionals. ``args`` are normalised."""
    arguments = [param for param in params if isinstance(param, click.Argument)]
    least = sum(param.required for param in arguments)
    most = None if any(param.nargs == -1 for param in arguments) else len(arguments)
    end = args.index("--") if "--" in args else len(args)
    count = sum(not arg.startswith("-") or arg == "-" for arg in args[:end]) + max(len(args) - end - 1, 0)
    if least == most and count != least:
        raise click.UsageError(f"accepts {least} arg(s), received {count}")
    if count < least:
        raise click.UsageError(f"requires at least {least} arg(s), only received {count}")
    if most is not None and count > most:
        raise click.UsageError(f"accepts at most {most} arg(s), received {count}")


def _long(options: dict[str, click.Option], arg: str, rest: Iterator[str]) -> str:
    name, equals, _ = arg.partition("=")
    if name not in options:
        raise click.UsageError(f"unknown flag: {name}")
    option = options[name]
    if equals or option.is_flag:
        return arg
    return f"{name}={option.bare if isinstance(option, Flag) else _value(rest, name)}"


def _short(options: dict[str, click.Option], arg: str, rest: Iterator[str]) -> Iterator[str]:
    letters = arg[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if f"-{letter}" not in options:
            raise click.UsageError(f"unknown shorthand flag: '{letter}' in {arg}")
        option = options[f"-{letter}"]
        name = max(option.opts, key=len)
        if option.is_flag:
            yield name
        elif letters.startswith("="):
            yield name + letters
            return
        elif isinstance(option, Flag):
            yield f"{name}={option.bare}"
        else:
            value = letters or _value(rest, f"'{letter}' in {arg}")
            yield f"{name}={value}"
            return


def _value(rest: Iterator[str], what: str) -> str:
    try:
        return next(rest)
    except StopIteration:
        raise click.UsageError(f"flag needs an argument: {what}") from None
