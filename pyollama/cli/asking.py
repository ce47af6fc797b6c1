"""One question to a model and its answer on the screen, for ``run`` and for the session."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import click

from pyollama.cli.output import terminal
from pyollama.cli.output.formats import go_duration
from pyollama.cli.output.wordwrap import AnswerWriter
from pyollama.config import parse_duration
from pyollama.errors import CommandFailed

THINK_VALUES = ("true", "false", "high", "medium", "low", "max")
_LABEL = 22  # columns of a statistics label
Record = dict[str, Any]


@dataclass(slots=True)
class Asking:
    """Everything about a question but its text: what goes on the wire, and how the answer is shown."""

    model: str
    options: Record = field(default_factory=dict)
    system: str = ""
    format: Any = None  # "json", or a schema
    think: bool | str | None = None  # None: the server decides
    keep_alive: str | int | None = None
    hide_thinking: bool = False
    wordwrap: bool = True
    verbose: bool = False
    color: str = "auto"

    def fields(self) -> Record:
        """The request fields that are set."""
        found = {
            "options": self.options or None,
            "format": self.format,
            "think": self.think,
            "keep_alive": self.keep_alive,
        }
        return {"model": self.model} | {key: value for key, value in found.items() if value is not None}


def show_answer(asking: Asking, records: Iterator[Record], visible: Callable[[], None]) -> tuple[str, Record]:
    """Print an answer as it arrives. The text, and the final record (empty if there was none).

    Raises:
        Interrupted: Ctrl+C; the connection is closed, the text so far is in the exception.
    """
    writer = AnswerWriter(
        sys.stdout,
        wrap=asking.wordwrap,
        colour=terminal.colours(sys.stdout, asking.color),
        hide_thinking=asking.hide_thinking,
        visible=visible,
    )
    last: Record = {}
    try:
        for last in records:
            part = last.get("message") or last
            writer.think(part.get("thinking") or "")
            writer.answer(part.get("content") or part.get("response") or "")
            for call in part.get("tool_calls") or []:
                function = call["function"]
                writer.tool_call(function["name"], json.dumps(function["arguments"], ensure_ascii=False))
    except KeyboardInterrupt:
        raise Interrupted(writer.text) from None
    finally:
        writer.close()
        close = getattr(records, "close", None)
        if close is not None:
            close()
    return writer.text, last if last.get("done") else {}


class Interrupted(KeyboardInterrupt):
    """Ctrl+C while an answer was being printed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def print_statistics(record: Record) -> None:
    """Durations, counts and rates of a final record, on stderr; what is zero is left out.

    Tokens that came from the cache do not count for the rate of the prompt.
    """
    prompt, answer = record.get("prompt_eval_count", 0), record.get("eval_count", 0)
    cached = record.get("prompt_eval_cached_count", 0)
    computed = max(prompt - cached, 0)
    prompt_ns, answer_ns = record.get("prompt_eval_duration", 0), record.get("eval_duration", 0)
    rows = [
        ("total duration", go_duration(record.get("total_duration", 0)) if record.get("total_duration") else ""),
        ("load duration", go_duration(record.get("load_duration", 0)) if record.get("load_duration") else ""),
        ("prompt eval count", f"{prompt} token(s)" if prompt else ""),
        ("prompt eval cached", f"{cached} token(s)" if cached else ""),
        ("prompt eval duration", go_duration(prompt_ns) if prompt_ns else ""),
        ("prompt eval rate", f"{computed * 1e9 / prompt_ns:.2f} tokens/s" if computed and prompt_ns else ""),
        ("eval count", f"{answer} token(s)" if answer else ""),
        ("eval duration", go_duration(answer_ns) if answer_ns else ""),
        ("eval rate", f"{answer * 1e9 / answer_ns:.2f} tokens/s" if answer and answer_ns else ""),
    ]
    for label, text in rows:
        if text:
            click.echo(f"{label + ':':<{_LABEL}}{text}", err=True)


def is_multimodal(info: Record) -> bool:
    """Whether the model takes files, by what the server says about it."""
    capabilities = info.get("capabilities") or []
    keys = info.get("model_info") or {}
    return bool(
        {"vision", "audio"}.intersection(capabilities)
        or info.get("projector_info")
        or any(".vision." in key for key in keys)
    )


def parse_think(text: str | None) -> bool | str | None:
    if text is None:
        return None
    if text not in THINK_VALUES:
        allowed = "must be true, false, high, medium, low, or max"
        raise CommandFailed(f'invalid value for --think: "{text}" ({allowed})')
    return {"true": True, "false": False}.get(text, text)


def parse_format(text: str | None) -> Any:
    """``json``, or a schema as JSON text."""
    if not text or text == "json":
        return text or None
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandFailed(f"invalid value for --format: neither json nor a JSON schema: {error}") from error


def parse_keep_alive(text: str | None) -> str | int | None:
    if not text:
        return None
    try:
        ns = parse_duration(text)
    except ValueError as error:
        raise CommandFailed(str(error)) from error
    return go_duration(ns) if ns >= 0 else -1


def parse_options(pairs: tuple[str, ...]) -> Record:
    """``name=value`` texts as model options; a name given more than once makes a list where lists are allowed."""
    if not pairs:
        return {}  # most runs: nothing of the grammar is imported
    from modelfile_grammar import ParameterError, parse_parameter

    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f'invalid argument "{pair}" for "--option" flag: must be name=value')
        texts.setdefault(name, []).append(value)
    try:
        return {name: parse_parameter(name, values) for name, values in texts.items()}
    except ParameterError as error:
        raise CommandFailed(str(error)) from error
