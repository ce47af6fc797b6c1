"""Chats rendered with the template of a real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.engine import TestedEngine

from pyollama.native import _engine

DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


@pytest.fixture(scope="module")
def engine(smollm2: Path) -> Iterator[TestedEngine]:
    with TestedEngine(str(smollm2)) as engine:
        yield engine


def render(engine: TestedEngine, *turns: tuple[str, str], **fields: Any) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in turns]
    rendered: dict[str, Any] = json.loads(engine.raw.render(json.dumps({"messages": messages, **fields}).encode()))
    return rendered


def prompt_of(engine: TestedEngine, *turns: tuple[str, str], **fields: Any) -> str:
    return "".join(render(engine, *turns, **fields)["prompt"])


def test_a_chat_is_rendered_with_the_models_own_turns(engine: TestedEngine) -> None:
    rendered = render(engine, ("user", "Hello, wörld"))

    assert rendered["generation_prompt"] == "<|im_start|>assistant\n"
    assert "".join(rendered["prompt"]) == (
        f"<|im_start|>system\n{DEFAULT_SYSTEM}<|im_end|>\n"
        "<|im_start|>user\nHello, wörld<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_system_message_replaces_the_templates_default(engine: TestedEngine) -> None:
    prompt = prompt_of(engine, ("system", "Be brief."), ("user", "Hi"))

    assert prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>\n")
    assert DEFAULT_SYSTEM not in prompt


def test_the_generation_prompt_can_be_left_out(engine: TestedEngine) -> None:
    assert prompt_of(engine, ("user", "Hi"), add_generation_prompt=False).endswith("Hi<|im_end|>\n")


def test_the_last_message_can_be_continued(engine: TestedEngine) -> None:
    prompt = prompt_of(engine, ("user", "Hi"), ("assistant", "Well, "), continue_final_message=True)

    assert prompt.endswith("<|im_start|>assistant\nWell, ")


def test_a_model_that_knows_neither_tools_nor_thinking_says_so(engine: TestedEngine) -> None:
    rendered = render(engine, ("user", "Hi"), enable_thinking=True, reasoning_effort="high", tools=None)

    assert not rendered["supports_thinking"]
    assert not rendered["caps"]["supports_tools"]
    assert rendered["caps"]["supports_system_role"]


@pytest.mark.parametrize(
    "request_json",
    [b"", b"{", b"\xff", b"[]", b"{}", b'{"messages": [{"role": "user", "content": 1}]}', b'{"messages": [{}]}'],
)
def test_a_malformed_request_is_a_value_error(engine: TestedEngine, request_json: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        engine.raw.render(request_json)


def test_threads_render_at_the_same_time(engine: TestedEngine) -> None:
    questions = [f"Question {number}" for number in range(40)]

    with ThreadPoolExecutor(4) as threads:
        prompts = list(threads.map(lambda question: prompt_of(engine, ("user", question)), questions))

    assert all(question + "<|im_end|>" in prompt for question, prompt in zip(questions, prompts, strict=True))


def test_nothing_is_rendered_before_the_model_is_loaded(smollm2: Path) -> None:
    with TestedEngine(str(smollm2), wait=False) as engine, pytest.raises(ValueError, match="not loaded"):
        engine.raw.render(b'{"messages": []}')


def test_a_file_renders_without_its_weights_as_the_engine_does(engine: TestedEngine, smollm2: Path) -> None:
    request = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()

    assert _engine.render_chat([str(smollm2)], request) == engine.raw.render(request)


def test_a_file_that_is_no_model_renders_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF")

    with pytest.raises(ValueError, match=r"GGUF|gguf|magic|read"):
        _engine.render_chat([str(path)], b"{}")
