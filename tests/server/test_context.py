"""Prompts that are longer than the context window."""

from __future__ import annotations

from typing import Any

import pytest
from support import library
from support.servers import ServerProcess, refusal

from pyollama.store import Digest, ModelName

EYE = library.tiny_gguf({"general.architecture": "clip", "clip.has_vision_encoder": True})
SMALL = {"num_ctx": 96, "num_predict": 4}
TOO_LONG_TO_CUT = "the prompt is longer than the context length currently available to the model; "


def turns(count: int) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": f"Turn number {i} of this talk."} for i in range(count - 1)] + [
        {"role": "user", "content": "The last one."}
    ]


def long_prompt(words: int) -> str:
    return " ".join(f"word{i}" for i in range(words))


def test_a175_the_request_decides_about_the_context(server: ServerProcess) -> None:
    server.create("narrow", **{"from": "smollm"}, parameters={"num_ctx": 512})
    server.post("/api/generate", model="narrow")
    assert server.loaded()["narrow:latest"]["context_length"] == 512
    server.post("/api/generate", model="narrow", options={"num_ctx": 256})
    assert server.loaded()["narrow:latest"]["context_length"] == 256


def test_a176_the_trained_context_is_the_most(server: ServerProcess) -> None:
    server.post("/api/generate", model="smollm", options={"num_ctx": 10_000_000})
    assert server.loaded()["smollm:latest"]["context_length"] == 8192
    server.post("/api/generate", model="smollm", keep_alive=0)


def test_a177_the_least_context_is_four_tokens(server: ServerProcess) -> None:
    server.post("/api/generate", model="smollm", options={"num_ctx": 1})
    assert server.loaded()["smollm:latest"]["context_length"] == 4


def test_a178_a_long_chat_loses_its_oldest_messages(server: ServerProcess) -> None:
    messages = [{"role": "system", "content": "Be kind."}, *turns(21)]
    answer = server.chat(model="smollm", messages=messages, options=SMALL)
    few = server.chat(model="smollm", messages=[messages[0], *messages[-3:]], options=SMALL)
    assert few["prompt_eval_count"] <= answer["prompt_eval_count"] <= 96


@pytest.mark.parametrize("path", ["generate", "chat"])
def test_a179_without_truncation_it_is_refused(server: ServerProcess, path: str) -> None:
    body: dict[str, Any] = {"prompt": long_prompt(100), "messages": turns(30), "truncate": False}
    status, text = refusal(server.post(f"/api/{path}", model="smollm", options=SMALL, **body))
    assert status == 400
    assert text.startswith("request (") and "tokens) exceeds the available context size (96 tokens)" in text


CONTENTS = "{{ range .Messages }}{{ .Content }} {{ end }}"


def test_w7_without_truncation_nothing_is_dropped(server: ServerProcess) -> None:
    server.create("contents", **{"from": "smollm"}, template=CONTENTS)
    roles = ("system", "user", "assistant", "user")
    messages = [{"role": role, "content": text} for role, text in zip(roles, ["s", "a b", "c d", "e f"], strict=True)]
    body: dict[str, Any] = {"model": "contents", "messages": messages, "options": {"num_ctx": 4}}
    assert server.rendered("/api/chat", **body, truncate=False) == "s a b c d e f "
    assert server.rendered("/api/chat", **body) == "s e f "


def test_a092_images_are_marked_and_count(server: ServerProcess) -> None:
    eye, _ = server.store.blobs.add_bytes(EYE)
    weights = server.store.open_model(ModelName.parse("smollm")).model_paths[0]
    digest = Digest.parse(weights.name)
    with_eye = {"files": {"eye.gguf": str(eye), "weights.gguf": str(digest)}}
    server.create("seeing", **with_eye, template=CONTENTS)
    old, new = {"role": "user", "content": "old", "images": ["QQ=="]}, {"role": "assistant", "content": "x"}
    messages = [old, new, {"role": "user", "content": "see [img]", "images": ["Qg==", "Qw=="]}]

    def preview(n_ctx: int) -> Any:
        body = {"model": "seeing", "messages": messages, "options": {"num_ctx": n_ctx}, "_debug_render_only": True}
        return server.post("/api/chat", **body).json()["_debug_info"]

    assert preview(4096) == {"rendered_template": "[img-0]old x [img-2]see [img-1] ", "image_count": 3}
    assert preview(2048) == {"rendered_template": "x [img-1]see [img-0] ", "image_count": 2}
    answer = server.post("/api/generate", model="seeing", prompt="a", images=["QQ=="], _debug_render_only=True).json()
    assert answer["_debug_info"] == {"rendered_template": "[img-0]a ", "image_count": 1}


def test_a180_without_shifting_it_ends_at_the_end_of_the_context(server: ServerProcess) -> None:
    options = {"num_ctx": 64, "num_predict": 500, "stop": []}
    answer = server.generate(model="alphabet", prompt="a b c", raw=True, shift=False, options=options)
    assert answer["done_reason"] == "length"
    assert answer["prompt_eval_count"] + answer["eval_count"] <= 65


def test_a181_with_shifting_it_goes_past_the_context(server: ServerProcess) -> None:
    options = {"num_ctx": 64, "num_predict": 100, "stop": [], "temperature": 0}
    answer = server.generate(model="alphabet", prompt="a b c", raw=True, options=options)
    assert answer["eval_count"] == 100


@pytest.mark.parametrize("body", [{}, {"raw": True}, {"template": "{{ .Prompt }}"}], ids=["A182", "raw", "template"])
def test_one_long_message_is_cut_in_its_middle(server: ServerProcess, body: dict[str, Any]) -> None:
    answer = server.generate(model="smollm", prompt=long_prompt(200), options=SMALL, **body)
    assert 0 < answer["prompt_eval_count"] < 96


@pytest.mark.parametrize("body", [{}, {"raw": True}], ids=["A183", "raw"])
def test_one_long_message_may_not_be_cut_without_shifting(server: ServerProcess, body: dict[str, Any]) -> None:
    answer = server.post("/api/generate", model="smollm", prompt=long_prompt(200), shift=False, options=SMALL, **body)
    status, text = refusal(answer)
    assert status == 400 and text.startswith(TOO_LONG_TO_CUT)
