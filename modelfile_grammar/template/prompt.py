"""From the messages of a request to the prompt: collation, the three modes, the cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .machine import Limits, Machine
from .provenance import fragments
from .records import message_record, tools_list
from .template import DEFAULT_LIMITS, Template
from .values import Charge, ShownList, TemplateText, Value

ROOT_NAMES = frozenset(
    ("System", "Messages", "Tools", "Prompt", "Suffix", "Response", "Think", "ThinkLevel", "IsThinkSet", "First")
)
"""The names of the data that templates get; each mode has some of them."""

LEVELS = {name: TemplateText(name) for name in ("low", "medium", "high", "max")}
"""Levels of thinking that count as the template's own text, as roles do."""

Message = Mapping[str, Any]
_BLANK_LINE = "\n\n"


def render_prompt(
    template: Template,
    *,
    messages: Sequence[Message] = (),
    tools: Sequence[Mapping[str, Any]] = (),
    prompt: str = "",
    suffix: str = "",
    response: str = "",
    think: bool | None = None,
    think_level: str = "",
    is_think_set: bool | None = None,
    limits: Limits = DEFAULT_LIMITS,
    today: date | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[str]:
    """What a model gets, as fragments that alternate: template, data, template and so on, beginning with template.

    A fragment of template is what the template wrote, one of data what it took from the request; joined they are the
    prompt. Only the first may be empty. Special tokens count in fragments of template only.

    With both prompt and suffix the template fills in between them; otherwise the messages count. A template that
    mentions Messages renders once over all of them, any other once per turn, the last turn cut at the response.

    Args:
        messages: as in the API: role, content, thinking, images, tool_calls, tool_name, tool_call_id.
        think: whether the model is to think; None and False look the same to a template but for IsThinkSet.
        is_think_set: whether the request said so; by default, whether ``think`` is not None.
        limits: for all turns together.
        cancelled: asked now and then, from this thread, whether the prompt is not wanted any more.

    Raises:
        TemplateRunError: an action failed, or a limit is used up.
        TemplateCancelled: ``cancelled`` said so.
    """
    common: dict[str, Value] = {
        "Response": response,
        "Think": bool(think),
        "ThinkLevel": LEVELS.get(think_level, think_level),
        "IsThinkSet": think is not None if is_think_set is None else is_think_set,
    }
    machine = Machine(limits, today, cancelled)
    if prompt and suffix:
        template.whole.run_on(machine, {**common, "Prompt": prompt, "Suffix": suffix, "Response": ""})
        return fragments(machine.out)
    system, collated = collate(messages)
    if template.has_messages:
        template.whole.run_on(
            machine, {**common, **_chat_data(system, collated, tools, machine.charge), "Response": ""}
        )
    else:
        _turn_by_turn(template, collated, common, machine)
    return fragments(machine.out)


def collate(messages: Sequence[Message]) -> tuple[str, list[dict[str, Any]]]:
    """All system texts joined by blank lines, and the messages with neighbours of one role merged.

    Tool results stay apart. Calls and images of merged messages are put together, thoughts joined by a blank line.
    """
    runs: list[tuple[str, list[Message]]] = []
    for message in messages:
        role = str(message.get("role") or "").lower()
        if runs and role != "tool" and runs[-1][0] == role:
            runs[-1][1].append(message)
        else:
            runs.append((role, [message]))
    system = [message.get("content") or "" for role, run in runs if role == "system" for message in run]
    return _BLANK_LINE.join(system), [_merged(role, run) for role, run in runs]


def _merged(role: str, run: list[Message]) -> dict[str, Any]:
    if len(run) == 1:
        return {**run[0], "role": role, "content": run[0].get("content") or ""}
    return {
        **run[0],
        "role": role,
        "content": _BLANK_LINE.join([message.get("content") or "" for message in run]),
        "thinking": _BLANK_LINE.join([text for message in run if (text := message.get("thinking"))]),
        "images": [image for message in run for image in message.get("images") or ()],
        "tool_calls": [call for message in run for call in message.get("tool_calls") or ()],
    }


def _chat_data(
    system: str, messages: list[dict[str, Any]], tools: Sequence[Mapping[str, Any]], charge: Charge
) -> dict[str, Value]:
    return {
        "System": system,
        "Messages": [message_record(message, charge) for message in messages],
        "Tools": tools_list(tools, charge) if tools else ShownList(),
    }


@dataclass(slots=True)
class _Turn:
    """What a template without Messages sees of one turn."""

    common: dict[str, Value]
    system: str = ""
    prompt: str = ""
    response: str = ""
    first: bool = field(default=True)

    def data(self) -> dict[str, Value]:
        return {
            **self.common,
            "System": self.system,
            "Prompt": self.prompt,
            "Response": self.response,
            "First": self.first,
        }


def _turn_by_turn(
    template: Template, messages: list[dict[str, Any]], common: dict[str, Value], machine: Machine
) -> None:
    turn = _Turn(common)
    for message in messages:
        match message["role"]:
            case "system":
                if turn.prompt or turn.response:
                    turn = _flush(template, turn, machine)
                turn.system = message["content"]
            case "user":
                if turn.response:
                    turn = _flush(template, turn, machine)
                turn.prompt = message["content"]
            case "assistant":
                turn.response = message["content"]
            case _:
                pass
    template.cut.run_on(machine, turn.data())


def _flush(template: Template, turn: _Turn, machine: Machine) -> _Turn:
    """Render a finished turn whole; the next one starts empty."""
    template.whole.run_on(machine, turn.data())
    return _Turn(turn.common, first=False)
