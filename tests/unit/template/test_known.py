"""Known chat templates: which are recognised, and that ours say what theirs say."""

import re
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from modelfile_grammar.known import STOPS, detect, jinja_capabilities, known_template, prefer_jinja
from modelfile_grammar.template import Template, render_prompt

JINJA = Path(__file__).parents[3] / "modelfile_grammar" / "known" / "texts"
ENTRIES = sorted(path.name.removesuffix(".jinja") for path in JINJA.iterdir())

# ChatML with a default system text, as a small public model carries it.
WITH_DEFAULT_SYSTEM = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def text_of(entry: str) -> str:
    """A text as a model file could carry it: some prose where the known text only says how much."""
    text = (JINJA / f"{entry}.jinja").read_text("utf-8")
    return re.sub("«([0-9]+)»", lambda gap: ("Be kind. " * 200)[: int(gap[1])], text)


def name_of(entry: str) -> str:
    return entry.rpartition(".")[0]


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_known_text_is_recognised_even_with_small_changes(entry: str) -> None:
    for text in (text_of(entry), text_of(entry).replace("\n", "\r\n"), text_of(entry) + "\n" * 40):
        known = detect(text)
        assert known is not None
        assert (known.name, known.stop) == (name_of(entry), STOPS[name_of(entry)])
        assert Template.parse(known.template)


def test_chatml_with_a_default_system_text_is_chatml() -> None:
    known = detect(WITH_DEFAULT_SYSTEM)

    assert known is not None
    assert known.name == "chatml"
    assert 0 < known.distance < 100


@pytest.mark.parametrize(
    ("entry", "old", "new"),
    [("granite-instruct.1", "Question:", "Frage:"), ("falcon-instruct.1", "Falcon:", "Bot:"), ("phi-3.3", "|>", ">")],
)
def test_a_text_with_other_labels_is_another_format_however_near(entry: str, old: str, new: str) -> None:
    assert detect(text_of(entry).replace(old, new)) is None


@pytest.mark.parametrize("text", ["", "{{ messages }}", "x" * 10**6, "{% for m in messages %}" * 60])
def test_anything_else_is_not_recognised(text: str) -> None:
    assert detect(text) is None


CHATS = [
    [("user", "a")],
    [("system", "S"), ("user", "a")],
    [("user", "a"), ("assistant", "b"), ("user", "c")],
    [("system", "S"), ("user", "a\nb"), ("assistant", "c d"), ("user", "é")],
]
# What these say when there is no system text belongs to a model, not to the format.
NO_SYSTEM_TEXT = {"alpaca.1", "chatml.2", "chatml.3", "chatml.7", "chatqa.1"}
# Texts that leave a system message out, or run it into the next line.
DROPS_SYSTEM = {"alpaca.1", "chatqa.1", "phi-3.2"}


class Refused(Exception):
    """What raise_exception means."""


def jinja_prompt(entry: str, messages: list[dict[str, str]]) -> str:
    jinja2 = pytest.importorskip("jinja2")

    def refuse(message: str) -> None:
        raise Refused(message)

    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    variables: dict[str, Any] = {
        "messages": messages,
        "bos_token": "<s>" if name_of(entry) == "llama2-chat" else "",
        "eos_token": "<|endoftext|>" if name_of(entry) == "starcoder2-instruct" else "</s>",
        "add_generation_prompt": True,
        "raise_exception": refuse,
    }
    prompt: str = environment.from_string(text_of(entry)).render(variables)
    return prompt.removeprefix("<s>")


def comparable(entry: str, chat: list[tuple[str, str]]) -> bool:
    """Whether our template is to give the very prompt of the known one."""
    has_system = chat[0][0] == "system"
    return not ((entry in NO_SYSTEM_TEXT and not has_system) or (entry in DROPS_SYSTEM and has_system))


@pytest.mark.parametrize(("entry", "chat"), list(product(ENTRIES, CHATS)), ids=str)
def test_our_template_says_what_the_known_one_says(entry: str, chat: list[tuple[str, str]]) -> None:
    messages = [{"role": role, "content": content} for role, content in chat]

    ours = "".join(render_prompt(Template.parse(known_template(name_of(entry)).template), messages=messages))

    assert all(content in ours for _, content in chat)
    with suppress(Refused):
        theirs = jinja_prompt(entry, messages)
        assert ours == theirs or not comparable(entry, chat)


@pytest.mark.parametrize("name", STOPS)
def test_an_assistant_message_at_the_end_is_left_open(name: str) -> None:
    template = Template.parse(known_template(name).template)
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "so far"}]

    assert "".join(render_prompt(template, messages=messages)).endswith("so far")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ messages }}", set()),
        ("{% if tools %}", {"tools"}),
        ("<tool_call>", {"tools"}),
        ("<think>{{ x }}</think>", {"thinking"}),
        ("<think>", set()),
        ("{{ content.split('</think>') }}", {"thinking"}),
        ('{{ content.split("</think>") }}', {"thinking"}),
        ("{{ content.split('</think>') }}{{ reasoning_content }}", set()),
    ],
)
def test_what_a_jinja_template_can_do_is_told_from_its_text(text: str, expected: set[str]) -> None:
    assert jinja_capabilities(text) == expected


PLAIN = "{{ .Prompt }}"
TOOLS = "{{ range .Messages }}{{ end }}{{ .Tools }}"
ROUND = '{{ range .Messages }}{{ .ToolCalls }}{{ if eq .Role "tool" }}x{{ end }}{{ end }}{{ .Tools }}'
JINJA_TOOLS = "{% if tools %}{% endif %}"
JINJA_ROUND = JINJA_TOOLS + "{{ message.tool_calls }}{% if message.role == 'tool' %}"


@pytest.mark.parametrize(
    ("go", "jinja", "setting", "expected"),
    [
        (None, None, None, False),
        (PLAIN, None, None, False),
        (PLAIN, None, False, False),
        (None, JINJA_TOOLS, None, True),
        (None, JINJA_TOOLS, True, True),
        (PLAIN, "{{ messages }}", None, False),
        (PLAIN, JINJA_TOOLS, None, True),
        (PLAIN, JINJA_TOOLS, True, False),
        (TOOLS, "{{ messages }}", False, True),
        (TOOLS, JINJA_TOOLS, None, False),
        (TOOLS, JINJA_ROUND, None, True),
        (ROUND, JINJA_ROUND, None, False),
        (ROUND, JINJA_TOOLS + "<think></think>", None, False),
        (ROUND, JINJA_ROUND + "<think></think>", None, True),
        ("{{ broken", JINJA_ROUND, None, False),
    ],
)
def test_the_better_template_is_preferred(
    go: str | None, jinja: str | None, setting: bool | None, expected: bool
) -> None:
    assert prefer_jinja(go, jinja, setting) is expected
