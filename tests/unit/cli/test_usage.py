"""Flags, argument counts, help: how commands may be written, and what wrong ones say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from pyollama.cli import flags
from pyollama.cli.commands import ALIASES, COMMANDS
from pyollama.cli.root import cli as root

Cli = Callable[..., object]
PARAMS: list[click.Parameter] = [
    click.Option(["--file", "-f"]),
    flags.Flag(["--verbose", "-v"], type=flags.BOOL),
    flags.Flag(["--think"]),
    click.Argument(["words"], nargs=-1),
]


@pytest.mark.parametrize(
    ("args", "normal"),
    [
        (["--file", "x"], ["--file=x"]),
        (["--file=x"], ["--file=x"]),
        (["--file", "--verbose"], ["--file=--verbose"]),
        (["-f", "x"], ["--file=x"]),
        (["-fx"], ["--file=x"]),
        (["-vf", "x"], ["--verbose=true", "--file=x"]),
        (["--verbose", "a"], ["--verbose=true", "a"]),
        (["--verbose=false"], ["--verbose=false"]),
        (["--think", "high"], ["--think=true", "high"]),
        (["--think=high"], ["--think=high"]),
        (["a", "--", "--file", "b"], ["a", "--", "--file", "b"]),
        (["-"], ["-"]),
    ],
)
def test_flags_are_read_as_ollama_reads_them(args: list[str], normal: list[str]) -> None:
    assert flags.normalise(PARAMS, args) == normal


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["show"], "accepts 1 arg(s), received 0"),
        (["show", "a", "b"], "accepts 1 arg(s), received 2"),
        (["run"], "requires at least 1 arg(s), only received 0"),
        (["rm"], "requires at least 1 arg(s), only received 0"),
        (["cp", "a"], "accepts 2 arg(s), received 1"),
        (["serve", "x"], "accepts 0 arg(s), received 1"),
        (["--nope"], "unknown flag: --nope"),
        (["list", "--nope=1"], "unknown flag: --nope"),
        (["show", "m", "-x"], "unknown shorthand flag: 'x' in -x"),
        (["create", "m", "-f"], "flag needs an argument: 'f' in -f"),
        (["run", "m", "--format"], "flag needs an argument: --format"),
        (["xyzzy"], 'unknown command "xyzzy" for "pyollama"'),
        (["lits"], 'unknown command "lits" for "pyollama"\n\nDid you mean this?\n\tlist'),
        (["--color=pink", "list"], 'invalid argument "pink" for "--color" flag: must be auto, always, or never'),
    ],
)
def test_wrong_usage_is_one_error_and_status_2(cli: Cli, args: list[str], message: str) -> None:
    outcome = cli(*args)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"Error: {message}")


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"], []])
def test_help_lists_the_commands_on_stdout(cli: Cli, args: list[str]) -> None:
    outcome = cli(*args)
    assert (outcome.code, outcome.err) == (0, "")
    places = [outcome.out.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    assert outcome.out.endswith("more information about a command.\n")


@pytest.mark.parametrize("args", [["run", "--help"], ["help", "run"], ["run", "-h"]])
def test_help_of_a_command_ends_with_its_variables(cli: Cli, args: list[str]) -> None:
    outcome = cli(*args)
    rows = outcome.out.partition("Environment Variables:\n")[2].splitlines()
    assert [row[6:33].strip() for row in rows] == ["OLLAMA_EDITOR", "OLLAMA_HOST", "OLLAMA_NOHISTORY"]
    assert all(row.startswith(" " * 6) and row[33:36] == "   " and row[36] != " " for row in rows)


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_its_command(alias: str, name: str) -> None:
    context = click.Context(root, **root.context_settings)
    assert root.get_command(context, alias) is root.get_command(context, name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(cli: Cli, name: str) -> None:
    outcome = cli(name, "--help")
    assert outcome.code == 0
    assert outcome.out.strip()


def test_shared_flags_may_follow_the_command(cli: Cli) -> None:
    assert "could not connect" in cli("list", "--host", "127.0.0.1:1").err


def test_without_a_server_commands_say_how_to_start_one(cli: Cli) -> None:
    outcome = cli("--host=127.0.0.1:1", "list")
    expected = "Error: could not connect to pyollama server, run 'pyollama serve' to start it\n"
    assert (outcome.code, outcome.out, outcome.err) == (1, "", expected)


def test_a_host_that_does_not_exist_is_an_error_of_the_system(cli: Cli) -> None:
    outcome = cli("--host=nowhere.invalid", "list")
    assert outcome.code == 1
    assert outcome.err.startswith("Error: ") and "could not connect" not in outcome.err


@pytest.mark.parametrize("command", ["signin", "signout", "login", "logout"])
def test_accounts_are_refused(cli: Cli, command: str) -> None:
    outcome = cli(command)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: pyollama has no account service")


def test_launch_prints_the_address(cli: Cli) -> None:
    """D9; whether the addresses exist, tests/cli asks a server."""
    out = cli("--host=box:1234", "launch").out
    assert "\n  http://box:1234/\n" in out and "OLLAMA_HOST=http://box:1234\n" in out


@pytest.mark.parametrize(("names", "shown"), [(["foo"], "[`foo`]"), (["foo", "bar"], "[`foo` `bar`]")])
def test_an_unknown_help_topic_is_no_error(cli: Cli, names: list[str], shown: str) -> None:
    """Ollama's ``help foo``: usage on stderr, status 0."""
    outcome = cli("help", *names)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.startswith(f"Unknown help topic {shown}\nUsage:\n  pyollama [flags]\n")
    assert outcome.err.endswith('Use "pyollama [command] --help" for more information about a command.\n')


def test_help_knows_aliases(cli: Cli) -> None:
    assert cli("help", "ls").out == cli("help", "list").out != ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(cli: Cli, shell: str) -> None:
    assert "_PYOLLAMA_COMPLETE" in cli("completion", shell).out


def test_completion_of_an_unknown_shell_is_wrong_usage(cli: Cli) -> None:
    assert cli("completion", "tcsh").code == 2


def test_commands_are_completed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PYOLLAMA_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "pyollama cre")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert cli().out == "plain,create\n"


def test_an_error_of_ours_shows_no_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyollama.cli.group.App.client", lambda _: 1 / 0)
    outcome = cli("list")
    assert (outcome.code, outcome.err) == (1, "Error: ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("args", [["--debug", "list"], ["list", "--debug"]])
def test_debug_shows_the_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
    monkeypatch.setattr("pyollama.cli.group.App.client", lambda _: 1 / 0)
    assert "Traceback" in cli(*args).err


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    code = "from pyollama.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() == 141


def test_help_imports_nothing_heavy() -> None:
    code = "import sys\nfrom pyollama.cli import main\nmain.run(['--help'])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"httpx", "numpy", "quart", "trio", "prompt_toolkit", "lark", "msgspec", "pyollama.server", "logging"}
    assert not heavy & loaded


def test_list_imports_no_more_than_a_client(cli: Cli) -> None:
    code = "import sys\nfrom pyollama.cli import main\nmain.run(['--host=127.0.0.1:1', 'list'])\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"httpx", "trio", "urllib.request", "numpy", "quart", "prompt_toolkit", "lark", "msgspec", "logging"}
    heavy |= {"pyollama.server", "pyollama.native._engine"}
    assert not heavy & loaded
