"""A chat means the same with real templates of both languages, rendered by the real engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import tiny_models
from support.servers import ServerProcess, server_process

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As Mistral's: turns must alternate, one system message is put into the first turn of the user.
ALTERNATES = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content + '\n\n' %}{% set turns = messages[1:] %}"
    "{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{% for m in turns %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user and assistant') }}{% endif %}"
    "{% if m.role == 'user' %}[INST] {% if loop.index0 == 0 %}{{ system }}{% endif %}{{ m.content }} [/INST]"
    "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
)
# As Gemma's: no role system at all.
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
GO_CHATML = "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("weights")
    with server_process(tmp_path_factory.mktemp("models")) as running:
        for name, template in {"chatml": CHATML, "alternates": ALTERNATES, "nosystem": NO_SYSTEM}.items():
            weights = tiny_models.scripted(folder / f"{name}.gguf", b"ab", chat_template=template)
            digest, _ = running.store.blobs.add_file(weights)
            running.create(name, files={"weights.gguf": str(digest)})
        running.create("go", template=GO_CHATML, **{"from": "chatml"})
        yield running


def rendered(server: ServerProcess, model: str, *turns: str) -> str:
    messages = [dict(zip(("role", "content"), turn.split(": ", 1), strict=True)) for turn in turns]
    return server.rendered("/api/chat", model=model, messages=messages)


LATER_SYSTEM = ("system: one", "user: a", "assistant: b", "system: two", "user: c")


@pytest.mark.parametrize("model", ["go", "chatml"])
def test_a426_a427_a428_both_languages_give_one_prompt(server: ServerProcess, model: str) -> None:
    turns = ("system: one", "user: a", "user: b", "system: two", "user: c", "assistant: The co")
    assert rendered(server, model, *turns) == (
        "<|im_start|>system\none<|im_end|>\n<|im_start|>user\na\n\nb<|im_end|>\n<|im_start|>system\ntwo<|im_end|>\n"
        "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\nThe co"
    )


def test_a427_later_system_messages_come_first_where_turns_must_alternate(server: ServerProcess) -> None:
    assert rendered(server, "alternates", *LATER_SYSTEM) == "[INST] one\n\ntwo\n\na [/INST] b</s>[INST] c [/INST]"


def test_a426_neighbours_alternate_once_they_are_merged(server: ServerProcess) -> None:
    assert rendered(server, "alternates", "user: a", "user: b") == "[INST] a\n\nb [/INST]"


def test_a427_system_texts_reach_a_template_that_knows_none(server: ServerProcess) -> None:
    prompt = rendered(server, "nosystem", *LATER_SYSTEM)
    assert prompt.startswith("<start_of_turn>user\none") and "two" in prompt
    assert "system" not in prompt and prompt.endswith("c<end_of_turn>\n<start_of_turn>model\n")


@pytest.mark.parametrize(("model", "end"), [("alternates", " [/INST]The co"), ("nosystem", "model\nThe co")])
def test_a428_the_last_message_is_continued(server: ServerProcess, model: str, end: str) -> None:
    assert rendered(server, model, "user: a", "assistant: The co").endswith(end)
