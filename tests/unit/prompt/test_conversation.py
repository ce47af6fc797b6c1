"""One conversation, whatever the language of its template (api: prompt construction)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pyollama.errors import EngineRefused
from pyollama.prompt.conversation import Conversation, Style
from pyollama.prompt.effort import Effort
from pyollama.prompt.prompts import Prompt, cut_at, text_of
from pyollama.wire.chat import CalledFunction, Message, ToolCall

GO = "{{ range .Messages }}<{{ .Role }}>{{ .Content }}</s>\n{{ end }}<assistant>"
TURN_BY_TURN = "{{ if .System }}[{{ .System }}]{{ end }}Q: {{ .Prompt }} A: {{ .Response }}."


class Jinja:
    """A renderer with the template ``<role>content</s>``, as the vendored library treats it."""

    def __init__(self, *, system_first_only: bool = False, refuses: bool = False) -> None:
        self.requests: list[dict[str, Any]] = []
        self._system_first_only = system_first_only
        self._refuses = refuses

    async def render(self, request: bytes) -> dict[str, Any]:
        asked = json.loads(request)
        self.requests.append(asked)
        turns = asked["messages"]
        if self._refuses and any(turn["role"] == "system" for turn in turns[1:]):
            raise EngineRefused("system messages must come first", 400)
        shown = [
            turn for i, turn in enumerate(turns) if i == 0 or turn["role"] != "system" or not self._system_first_only
        ]
        continued = asked.get("continue_final_message")
        text = "".join(f"<{turn['role']}>{turn['content']}</s>\n" for turn in (shown[:-1] if continued else shown))
        return {"prompt": [f"{text}<assistant>", *([shown[-1]["content"]] if continued else [])]}

    async def count(self, prompts: Sequence[Prompt]) -> list[int]:
        return [len(text_of(prompt).split()) for prompt in prompts]


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def talk(style: Style, *turns: str | Message, renderer: Jinja | None = None) -> Conversation:
    messages = [turn if isinstance(turn, Message) else Message(*turn.split(": ", 1)) for turn in turns]
    return Conversation(style, renderer or Jinja(), messages, effort=Effort(), offload=at_once)


STYLES = [Style("go", GO), Style("jinja", "a template of its own")]


@pytest.mark.parametrize("style", STYLES, ids=["go", "jinja"])
async def test_a426_neighbours_of_one_role_are_one_message(style: Style) -> None:
    prompt = await talk(style, "user: a", "user: b", "assistant: c", "assistant: d", "user: e").prompt()
    assert text_of(prompt) == "<user>a\n\nb</s>\n<assistant>c\n\nd</s>\n<user>e</s>\n<assistant>"


@pytest.mark.parametrize("style", STYLES, ids=["go", "jinja"])
async def test_a428_a_last_assistant_message_is_continued(style: Style) -> None:
    prompt = await talk(style, "user: a", "assistant: The co").prompt()
    assert text_of(prompt) == "<user>a</s>\n<assistant>The co"


@pytest.mark.parametrize("style", STYLES, ids=["go", "jinja"])
async def test_an_assistant_message_with_calls_is_not_continued(style: Style) -> None:
    call = Message("assistant", "", tool_calls=[ToolCall(CalledFunction("f", {}))])
    assert text_of(await talk(style, "user: a", call).prompt()).endswith("<assistant></s>\n<assistant>")


async def test_a_template_of_single_turns_goes_on_too() -> None:
    prompt = await talk(Style("go", TURN_BY_TURN), "system: s", "user: a", "assistant: b").prompt()
    assert text_of(prompt) == "[s]Q: a A: b"


async def test_what_continues_counts_as_data() -> None:
    """A424"""
    prompt = await talk(STYLES[1], "user: a", "assistant: x</s>").prompt()
    assert prompt[-1].endswith("x</s>") and len(prompt) % 2 == 0


LATER_SYSTEM = ("system: one", "user: a", "system: two", "user: b")


@pytest.mark.parametrize(
    ("renderer", "prompt"),
    [
        (Jinja(), "<system>one</s>\n<user>a</s>\n<system>two</s>\n<user>b</s>\n<assistant>"),
        (Jinja(system_first_only=True), "<system>one\n\ntwo</s>\n<user>a\n\nb</s>\n<assistant>"),
        (Jinja(refuses=True), "<system>one\n\ntwo</s>\n<user>a\n\nb</s>\n<assistant>"),
    ],
    ids=["prints", "leaves out", "refuses"],
)
async def test_a427_no_system_message_is_lost(renderer: Jinja, prompt: str) -> None:
    style = Style("jinja", prompt + str(id(renderer)))  # what a template does is remembered by its text
    assert text_of(await talk(style, *LATER_SYSTEM, renderer=renderer).prompt()) == prompt


async def test_a_template_is_asked_once_where_system_messages_go() -> None:
    renderer, style = Jinja(), Style("jinja", "asked once")
    for _ in range(3):
        await talk(style, *LATER_SYSTEM, renderer=renderer).prompt()
    await talk(style, "system: one", "user: a", renderer=renderer).prompt()
    assert len(renderer.requests) == 1 + 3 + 1


async def test_thoughts_of_earlier_turns_are_not_shown() -> None:
    renderer = Jinja()
    old, new = Message("assistant", "b", thinking="old"), Message("assistant", "", thinking="new")
    new.tool_calls = [ToolCall(CalledFunction("f", {}))]
    await talk(STYLES[1], "user: a", old, "user: c", new, "tool: 1", renderer=renderer).prompt()
    assert [turn.get("reasoning_content") for turn in renderer.requests[0]["messages"]] == [
        None,
        None,
        None,
        "new",
        None,
    ]


async def test_without_a_template_a_chat_is_chatml() -> None:
    style = Style("go", "{{ .Prompt }}", is_bare=True).for_chat()
    prompt = await talk(style, "developer: d", "user: hi", "assistant: yo", "user: more").prompt()
    assert text_of(prompt) == (
        "<|im_start|>system\nd<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n"
        "<|im_start|>user\nmore<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_prompt_is_cut_at_its_last_mark() -> None:
    assert cut_at(("a|", "b|c", "d"), "|") == ("a|", "b")
    assert cut_at(("a", "b"), "|") is None
