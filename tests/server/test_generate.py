"""Completions of a prompt: by a real model, and by one whose text is certain."""

from __future__ import annotations

import pytest
from support.servers import ServerProcess, refusal

SHORT = {"num_predict": 8, "temperature": 0}
FULL = "registry.ollama.ai/library/smollm:latest"
FINAL = {"done_reason", "total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count"}
PIECE_OF_PNG = "iVBORw0KGgo="


def test_a068_a071_a_stream_joins_to_the_single_answer(server: ServerProcess) -> None:
    ask = {"model": "alphabet", "prompt": "a", "options": SHORT}
    lines = server.lines("/api/generate", **ask)
    assert "".join(line["response"] for line in lines) == server.generate(**ask)["response"] == "bcdefghi"


def test_a069_chunks_before_the_last_have_four_keys(server: ServerProcess) -> None:
    *pieces, _ = server.lines("/api/generate", model="alphabet", prompt="hello", options=SHORT)
    assert {tuple(piece) for piece in pieces} == {("model", "created_at", "response", "done")}
    assert {(piece["model"], piece["done"]) for piece in pieces} == {("alphabet", False)}


def test_a070_the_last_chunk_has_reason_context_and_metrics(server: ServerProcess) -> None:
    last = server.lines("/api/generate", model="alphabet", prompt="the sky", options=SHORT)[-1]
    assert (last["response"], last["done"], last["done_reason"]) == ("", True, "length")
    assert last.keys() >= {*FINAL, "context", "eval_duration"}


def test_a075_a_model_that_only_embeds_is_refused(server: ServerProcess) -> None:
    answer = server.post("/api/generate", model="embedder", prompt="x")
    assert refusal(answer) == (400, '"embedder" does not support generate')


def test_a076_a077_the_system_text(server: ServerProcess) -> None:
    server.create("captain", **{"from": "smollm"}, system="Be a captain.")

    def rendered(**more: str) -> str:
        return server.rendered("/api/generate", model="captain", prompt="hi", **more)

    assert "Be a captain." in rendered()
    assert "Be a captain." in rendered(system="")
    assert "Be a cook." in (own := rendered(system="Be a cook.")) and "captain" not in own


def test_a078_a_template_in_the_request_is_used(server: ServerProcess) -> None:
    rendered = server.rendered("/api/generate", model="smollm", prompt="hi", template="<{{ .Prompt }}>")
    assert rendered == "<hi>"


def test_a079_a_template_that_does_not_parse(server: ServerProcess) -> None:
    status, text = refusal(server.post("/api/generate", model="smollm", prompt="hi", template="{{ .Prompt"))
    assert status == 500 and "template" in text


def test_a080_a081_stored_messages(server: ServerProcess) -> None:
    turns = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]
    server.create("remembers", **{"from": "smollm"}, messages=turns)
    plain = server.rendered("/api/generate", model="remembers", prompt="three")
    assert plain.index("one") < plain.index("two") < plain.index("three")
    assert "one" not in server.rendered("/api/generate", model="remembers", prompt="three", context=[])


def test_a082_a083_the_context_goes_round(server: ServerProcess) -> None:
    first = server.generate(model="smollm", prompt="My name is Ada.", options=SHORT)
    ended = first["done_reason"] == "stop"  # the end token counts, but is not in the context
    assert len(first["context"]) == first["prompt_eval_count"] + first["eval_count"] - ended

    rendered = server.rendered("/api/generate", model="smollm", prompt="What is my name?", context=first["context"])

    assert "My name is Ada." in rendered and first["response"] in rendered
    assert rendered.endswith("<|im_start|>user\nWhat is my name?<|im_end|>\n<|im_start|>assistant\n")


@pytest.mark.parametrize("token", [49152, 10**7, -5])
def test_a423_a_context_with_unknown_tokens_is_refused(server: ServerProcess, token: int) -> None:
    answer = server.post("/api/generate", model="smollm", prompt="x", context=[1, token])
    assert refusal(answer) == (400, f"token {token} is outside the vocabulary")


def test_a084_a085_raw_sends_the_prompt_untouched(server: ServerProcess) -> None:
    assert server.rendered("/api/generate", model="smollm", prompt="<u>Hi</u>", raw=True) == "<u>Hi</u>"
    assert "context" not in server.generate(model="smollm", prompt="One two three", raw=True, options=SHORT)


@pytest.mark.parametrize("field", [{"template": "x"}, {"system": "x"}, {"context": [1]}])
def test_a086_raw_goes_with_none_of_them(server: ServerProcess, field: dict[str, object]) -> None:
    answer = server.post("/api/generate", model="smollm", prompt="x", raw=True, **field)
    assert refusal(answer) == (400, "raw mode does not support template, system, or context")


def test_a087_a_suffix_fills_in(server: ServerProcess) -> None:
    template = "{{ if .Suffix }}<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>{{ else }}{{ .Prompt }}{{ end }}"
    server.create("filler", **{"from": "smollm"}, template=template, system="never seen")
    rendered = server.rendered("/api/generate", model="filler", prompt="a", suffix="b")
    assert rendered == "<PRE>a<SUF>b<MID>"


def test_a088_a_suffix_needs_a_model_that_inserts(server: ServerProcess) -> None:
    answer = server.post("/api/generate", model="smollm", prompt="a", suffix="b")
    assert refusal(answer) == (400, f"{FULL} does not support insert")


@pytest.mark.parametrize(("text", "position"), [("!!!!", 0), ("aGk", 0), ("aGkgaGk", 4), ("aGk=aGk=", 4)])
def test_a090_bad_base64(server: ServerProcess, text: str, position: int) -> None:
    answer = server.post("/api/generate", model="smollm", prompt="x", images=[text])
    assert refusal(answer) == (400, f"illegal base64 data at input byte {position}")


def test_a091_an_image_needs_a_model_that_sees(server: ServerProcess) -> None:
    answer = server.post("/api/generate", model="smollm", prompt="x", images=[PIECE_OF_PNG])
    assert refusal(answer) == (400, f"{FULL} does not support vision")


def test_a093_rendering_only_runs_nothing(server: ServerProcess) -> None:
    answer = server.post("/api/generate", model="smollm", prompt="x", _debug_render_only=True).json()
    assert list(answer) == ["model", "created_at", "response", "done", "_debug_info"]
    assert (answer["response"], answer["done"], list(answer["_debug_info"])) == ("", False, ["rendered_template"])


@pytest.mark.parametrize("value", ["xml", 5, [], True], ids=["A143", "A144", "list", "bool"])
def test_a_format_that_is_none(server: ServerProcess, value: object) -> None:
    status, text = refusal(server.post("/api/generate", model="smollm", prompt="x", format=value))
    assert status == 500
    assert text.startswith("invalid format: ") and text.endswith('; expected "json" or a valid JSON Schema object')


def test_a143_the_words_for_a_bad_format(server: ServerProcess) -> None:
    _, text = refusal(server.post("/api/generate", model="smollm", prompt="x", format="xml"))
    assert text == 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'


@pytest.mark.parametrize("value", [None, ""])
def test_a142_no_format_means_free_text(server: ServerProcess, value: object) -> None:
    assert server.generate(model="alphabet", prompt="hi", format=value, options=SHORT)["response"] == "jklmnopq"


@pytest.mark.parametrize("value", ["json", {"type": "object"}])
def test_a_format_is_refused_rather_than_ignored(server: ServerProcess, value: object) -> None:
    assert refusal(server.post("/api/generate", model="smollm", prompt="x", format=value))[0] == 501


@pytest.mark.parametrize("name", ["pull", "push"])
def test_transfers_are_not_there_yet(server: ServerProcess, name: str) -> None:
    assert refusal(server.post(f"/api/{name}", model="smollm"))[0] == 501
