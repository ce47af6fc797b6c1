"""The session: load the model, then read a message and print the answer until the user leaves."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from pyollama.cli.asking import Asking, Record
from pyollama.cli.client import Client, quietly
from pyollama.cli.files.media import names_file
from pyollama.cli.output import terminal
from pyollama.cli.session import blocks
from pyollama.cli.session.chat import Chat
from pyollama.cli.session.completion import SessionCompleter
from pyollama.cli.session.history import FILE, SessionHistory
from pyollama.cli.session.quiet import unseen_keys
from pyollama.cli.session.reader import PROMPT, Reader
from pyollama.cli.session.slash import Leave, Slash, explain
from pyollama.config import Settings
from pyollama.errors import PyollamaError


def talk(client: Client, asking: Asking, info: Record, settings: Settings) -> None:
    """A whole session. Returns when the user leaves.

    Raises:
        PyollamaError: the model cannot be loaded, or the server is gone.
    """
    chat = Chat(client, asking, info)
    chat.load()
    history = SessionHistory(Path.home() / FILE, writing=not settings.nohistory)
    completer = SessionCompleter(lambda: _model_names(client))
    colour = terminal.colours(sys.stdout, asking.color)
    reader = Reader(history, completer, colour=colour, editor=settings.editor)
    replay(chat.loaded_messages)
    signal.signal(signal.SIGTERM, _end)  # so that the terminal is restored on the way out
    with unseen_keys():
        _converse(chat, reader, Slash(chat, history))


def _converse(chat: Chat, reader: Reader, slash: Slash) -> None:
    while True:
        try:
            handle(reader.read(), chat, slash)
        except (EOFError, Leave):
            return
        except KeyboardInterrupt:
            click.echo("\nUse Ctrl + d or /bye to exit.")


def handle(text: str, chat: Chat, slash: Slash) -> None:
    """One entry: a command, or a message to the model."""
    if not text.strip():
        return
    try:
        if text.startswith("/") and not (chat.multimodal and names_file(text)):
            slash.run(text)
        else:
            chat.say(blocks.unquote(text))
    except KeyboardInterrupt:  # before the first word of the answer
        click.echo()
    except PyollamaError as error:
        chat.client.heartbeat()  # without a server there is no session
        explain(error)


def replay(messages: list[Record]) -> None:
    """Show the conversation a model brings along."""
    for message in messages:
        if message["role"] == "user":
            click.echo(f"{PROMPT}{message['content']}")
        elif message["role"] == "assistant":
            click.echo(f"{message['content']}\n")


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _model_names(client: Client) -> list[str]:
    return [model["name"] for model in (quietly(client.tags) or {}).get("models", [])]
