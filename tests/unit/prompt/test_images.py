"""The marks of images in a prompt."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from modelfile_grammar.template import Template, render_prompt
from pyollama.prompt import images
from pyollama.prompt.truncation import fit
from pyollama.wire.chat import Message

A, B, C = "QQ==", "Qg==", "Qw=="


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


async def cost(messages: list[Message]) -> int:
    words = sum(len((message.content or "").split()) for message in messages)
    return words + images.TOKENS * images.number_of(messages)


async def costs(messages: list[Message]) -> list[int]:
    return [await cost([message]) for message in messages]


async def test_w8_marks_are_placed_and_neighbours_merge() -> None:
    messages = [Message("user", "a"), Message("user", "[img] b", images=[A, B])]

    kept = images.numbered(await fit(messages, 2000, cost, costs, at_once))

    template = Template.parse("{{ range .Messages }}{{ .Content }} {{ end }}")
    assert "".join(render_prompt(template, messages=msgspec.to_builtins(kept))) == "a\n\n[img-1][img-0] b "


@pytest.mark.parametrize(
    ("content", "pictures", "marked"),
    [
        ("hi", [], "hi"),
        ("[img]", None, "[img]"),
        ("hi", [A], "[img-0]hi"),
        ("hi", [A, B, C], "[img-0][img-1][img-2]hi"),
        ("is [img] like [img]?", [A, B], "is [img-0] like [img-1]?"),
        ("is [img] like [img]?", [A], "is [img-0] like [img]?"),
        (None, [A], "[img-0]"),
    ],
)
def test_a_mark_takes_a_place_or_the_front(content: str | None, pictures: list[str] | None, marked: str) -> None:
    (message,) = images.numbered([Message("user", content, images=pictures)])
    assert message.content == marked


def test_numbers_count_through_all_messages() -> None:
    messages = [Message("user", "a", images=[A, B]), Message("assistant", "b"), Message("user", "c", images=[C])]
    assert [message.content for message in images.numbered(messages)] == ["[img-0][img-1]a", "b", "[img-2]c"]
    assert messages[0].content == "a"


async def test_images_count_when_a_conversation_is_fitted() -> None:
    messages = [Message("user", "a", images=[A]), Message("assistant", "b"), Message("user", "c", images=[B])]
    assert len(await fit(messages, 2 * images.TOKENS + 2, cost, costs, at_once)) == 2
    assert len(await fit(messages, 2 * images.TOKENS + 3, cost, costs, at_once)) == 3
