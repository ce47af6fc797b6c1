"""The state of a session, and what it says to the server. Nothing here reads the keyboard."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import click

from pyollama.cli.asking import Asking, Interrupted, Record, is_multimodal, print_statistics, show_answer
from pyollama.cli.client import Client
from pyollama.cli.files.media import extract
from pyollama.cli.output.progress import open_progress
from pyollama.errors import ApiError

_OF_THINKING = ("does not support thinking", "invalid think value")


@dataclass(slots=True)
class Chat:
    """A conversation with one model."""

    client: Client
    asking: Asking
    info: Record  # the server's answer about the model
    messages: list[Record] = field(default_factory=list)  # what was said here; the model's own come before

    def __post_init__(self) -> None:
        if self.asking.system:
            self.set_system(self.asking.system)

    @property
    def capabilities(self) -> list[str]:
        return self.info.get("capabilities") or []

    @property
    def multimodal(self) -> bool:
        return is_multimodal(self.info)

    @property
    def loaded_messages(self) -> list[Record]:
        return self.info.get("messages") or []

    def load(self) -> None:
        """Have the server load the model, so that what is wrong shows before the first question."""
        fields = self.asking.fields()
        fields.pop("format", None)
        with open_progress() as progress:
            progress.spinner()
            try:
                for _ in self.client.generate(**fields):
                    pass
            finally:
                progress.clear()

    def switch(self, model: str, info: Record) -> None:
        """Go on with another, loaded model and an empty history."""
        think = True if "thinking" in (info.get("capabilities") or []) else None
        self.asking = replace(self.asking, model=model, think=think, system="")
        self.info = info
        self.messages = []

    def set_system(self, text: str) -> None:
        """Replace a directly preceding system message, else append one."""
        if self.messages and self.messages[-1]["role"] == "system":
            self.messages.pop()
        self.messages.append({"role": "system", "content": text})
        self.asking.system = text

    def clear(self) -> None:
        self.messages = []
        if self.asking.system:
            self.set_system(self.asking.system)

    def say(self, text: str) -> None:
        """Send a message and print the answer. Ctrl+C keeps the answer so far, marked as interrupted.

        Raises:
            PyollamaError: the request failed; the message is not part of the conversation then.
        """
        message: Record = {"role": "user", "content": text}
        if self.multimodal:
            message["content"], images = extract(text)
            message |= {"images": images} if images else {}
        self.messages.append(message)
        try:
            answer, last = self._answer()
        except Interrupted as interrupt:
            click.echo()
            self.messages.append({"role": "assistant", "content": interrupt.text, "interrupted": True})
            return
        except BaseException:
            self.messages.pop()
            raise
        click.echo("\n")
        self.messages.append({"role": "assistant", "content": answer})
        if self.asking.verbose:
            print_statistics(last)

    def save(self, name: str) -> None:
        """Store model, parameters, system message and conversation as a new model."""
        said = [m for m in self.messages if m["role"] != "system" or m["content"] != self.asking.system]
        messages = [{key: m[key] for key in ("role", "content", "images") if key in m} for m in said]
        extra: dict[str, Any] = {
            "system": self.asking.system,
            "parameters": self.asking.options,
            "messages": [*self.loaded_messages, *messages],
        }
        fields = {key: value for key, value in extra.items() if value}
        for _ in self.client.create(**{"model": name, "from": self.asking.model}, **fields):
            pass

    def _answer(self) -> tuple[str, Record]:
        with open_progress() as progress:
            progress.spinner()
            try:
                records = self.client.chat(messages=self.messages, **self.asking.fields())
                return show_answer(self.asking, records, progress.clear)
            finally:
                progress.clear()


def about_thinking(error: ApiError) -> bool:
    return any(text in str(error) for text in _OF_THINKING)
