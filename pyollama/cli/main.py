"""The entry point ``pyollama``, and the last stop of every error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pyollama.cli.commands import COMPLETE_VARIABLE

BROKEN_PIPE = 141  # 128 + SIGPIPE
INTERRUPTED = 130  # 128 + SIGINT
USAGE = 2


def main() -> None:
    """Run the command line of this process and end it."""
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    except Exception as error:
        code = _fail(f"{type(error).__name__}: {error}", 1, error)
    if code == BROKEN_PIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has no reader
    sys.exit(code)


def run(args: Sequence[str]) -> int:
    """Run one command line and return its exit status. Errors are on stderr by then."""
    import click

    from pyollama.cli.output.terminal import prepare_streams
    from pyollama.cli.root import cli
    from pyollama.errors import PyollamaError

    prepare_streams()
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, "pyollama", COMPLETE_VARIABLE, instruction)
    context: click.Context | None = None
    try:
        with cli.make_context("pyollama", list(args)) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        return _fail(error.format_message(), USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), 1)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except PyollamaError as error:
        return _fail(str(error), getattr(error, "exit_code", 1), error, context)
    except Exception as error:
        return _fail(f"{type(error).__name__}: {error}", 1, error, context)
    return 0


def _fail(text: str, code: int, error: Exception | None = None, context: object = None) -> int:
    if error is not None and getattr(getattr(context, "obj", None), "debug", "OLLAMA_DEBUG" in os.environ):
        import traceback

        traceback.print_exception(error)
    print(f"Error: {text}", file=sys.stderr)
    return code
