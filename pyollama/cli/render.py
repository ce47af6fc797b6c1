"""``render``: the exact prompt a model would get, special tokens and all, without a server."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from pyollama.cli.flags import switch
from pyollama.cli.fmt import UNREADABLE, read_source
from pyollama.cli.group import app, command
from pyollama.cli.names import complete_model
from pyollama.errors import BadRequest, CommandFailed, EngineRefused, MissingCapability

if TYPE_CHECKING:
    from pyollama.cli.prompting import Prompting
    from pyollama.prompt.effort import Effort
    from pyollama.wire.chat import Message, Tool

T = TypeVar("T")


@command()
@click.argument("model", required=False, shell_complete=complete_model)
@click.option("-f", "--file", "modelfile", metavar="FILE", help="Take template, system text and messages from there")
@click.option("--messages", metavar="FILE", help="JSON: a list of messages, or an object with messages and tools")
@click.option("--prompt", metavar="TEXT", help="A user message, after those of the file")
@click.option("--suffix", metavar="TEXT", help="With --prompt: the text after the place to fill in")
@click.option("--system", metavar="TEXT", help="The system text, instead of the model's")
@click.option("--think", metavar="LEVEL", help="true, false, low, medium, high or max")
@switch("--json", "as_json", help="Print the prompt as a JSON string")
def render(
    model: str | None,
    modelfile: str | None,
    messages: str | None,
    prompt: str | None,
    suffix: str | None,
    system: str | None,
    think: str | None,
    as_json: bool,
) -> None:
    """Render a prompt template.

    Needs MODEL or --file. Prints what the model would get, character by character.
    """
    from pyollama.cli import prompting
    from pyollama.prompt import gotemplate

    if (model is None) == (modelfile is None):
        raise click.UsageError("render needs MODEL or --file" if model is None else "render takes MODEL or --file")
    settings = app().settings
    brought = prompting.of_modelfile(modelfile, settings) if modelfile else prompting.of_model(model or "", settings)
    effort = _effort(think, brought)
    if prompt and suffix:
        if "insert" not in brought.capabilities:
            raise MissingCapability(brought.name, "insert")
        text = "".join(gotemplate.insertion(brought.style.template, prompt, suffix, effort))
    else:
        conversation, tools = _read_messages(messages) if messages else ([], [])
        text = _chat(brought, conversation, tools, prompt, brought.system if system is None else system, effort)
    click.echo(json.dumps(text, ensure_ascii=False) if as_json else text, nl=as_json or sys.stdout.isatty())


def _effort(think: str | None, brought: Prompting) -> Effort:
    """As the server reads the field ``think``."""
    from pyollama.prompt.effort import Effort

    try:
        effort = Effort.parse({"true": True, "false": False}.get(think, think) if think else None)
    except BadRequest:
        raise click.UsageError(f'invalid argument "{think}" for "--think" flag') from None
    return effort.of_model(brought.capabilities, brought.name)


def _chat(
    brought: Prompting,
    conversation: list[Message],
    tools: list[Tool],
    prompt: str | None,
    system: str,
    effort: Effort,
) -> str:
    """The prompt of a conversation, made by the code that the server uses."""
    from pyollama.prompt import messages as turns
    from pyollama.prompt.conversation import Conversation
    from pyollama.prompt.prompts import text_of
    from pyollama.wire.chat import Message

    if prompt:
        conversation = [*conversation, Message("user", prompt)]
    asked = turns.for_chat(brought.messages, conversation, system)
    talk = Conversation(
        brought.style.for_chat(), WeightsRenderer(brought.weights), asked, effort=effort, tools=tools, offload=_at_once
    )
    return text_of(_finished(talk.prompt()))


class WeightsRenderer:
    """Renders with the chat template inside model files, in this process (``prompt.conversation.Renderer``)."""

    def __init__(self, weights: Sequence[str]) -> None:
        self._weights = weights

    async def render(self, request: bytes) -> dict[str, Any]:
        """EngineRefused: the template's own reason."""
        from pyollama.native import _engine  # only here: it loads the engine

        # A template may loop for ever, and native code sees no KeyboardInterrupt.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            shim: dict[str, Any] = json.loads(_engine.render_chat(self._weights, request))
            return shim
        except ValueError as error:
            raise EngineRefused(str(error), 400) from error
        finally:
            signal.signal(signal.SIGINT, before)

    async def count(self, prompts: Sequence[Sequence[str]]) -> list[int]:
        raise NotImplementedError("a prompt is shown whole, so nobody counts its tokens")


async def _at_once(function: Callable[..., T], *arguments: Any) -> T:
    return function(*arguments)


def _finished(steps: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    try:
        steps.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("it waits for something")


def _read_messages(name: str) -> tuple[list[Message], list[Tool]]:
    """Messages and tools of a JSON file. CommandFailed, naming the place."""
    from pyollama.wire.chat import Message, Tool

    try:
        content = json.loads(read_source(name))
        if isinstance(content, dict):
            return (
                msgspec.convert(content.get("messages") or [], list[Message]),
                msgspec.convert(content.get("tools") or [], list[Tool]),
            )
        return msgspec.convert(content, list[Message]), []
    except ValueError as error:
        raise CommandFailed(f"{name}: {error}", UNREADABLE) from error
