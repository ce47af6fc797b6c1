"""Options, stop reasons and log-probabilities."""

from __future__ import annotations

from typing import Any

import pytest
from support.servers import ServerProcess, refusal

PROMPT = "a"  # bcdef…

OPTIONS_2023 = {
    "num_keep": 5, "seed": 42, "num_predict": 3, "top_k": 20, "top_p": 0.9, "tfs_z": 0.5, "typical_p": 0.7,
    "repeat_last_n": 33, "temperature": 0.8, "repeat_penalty": 1.2, "presence_penalty": 1.5,
    "frequency_penalty": 1.0, "mirostat": 1, "mirostat_tau": 0.8, "mirostat_eta": 0.6, "penalize_newline": True,
    "stop": ["\n", "user:"], "numa": False, "num_ctx": 1024, "num_batch": 2, "num_gqa": 1, "num_gpu": 1,
    "main_gpu": 0, "low_vram": False, "f16_kv": True, "logits_all": False, "vocab_only": False, "use_mmap": True,
    "use_mlock": False, "embedding_only": False, "rope_frequency_base": 1.1, "rope_frequency_scale": 0.8,
    "num_thread": 2,
}  # fmt: skip
DROPPED_2025 = ("tfs_z", "num_gqa", "embedding_only", "rope_frequency_base", "rope_frequency_scale", "logits_all")


def complete(server: ServerProcess, **options: object) -> dict[str, object]:
    answer: dict[str, object] = server.generate(model="alphabet", prompt=PROMPT, options={"num_predict": 6, **options})
    return answer


def test_a184_a_stop_sequence_is_not_in_the_output(server: ServerProcess) -> None:
    stopped = complete(server, num_predict=12, stop=["efg"])
    assert (stopped["response"], stopped["done_reason"]) == ("bcd", "stop")


def test_a185_a194_num_predict_ends_with_length(server: ServerProcess) -> None:
    answer = complete(server, num_predict=3)
    assert (answer["done_reason"], answer["eval_count"]) == ("length", 3)


def test_a187_a188_a191_log_probabilities(server: ServerProcess) -> None:
    ask = {"model": "alphabet", "prompt": PROMPT, "options": {"num_predict": 3}, "logprobs": True, "top_logprobs": 3}
    entries = server.generate(**ask)["logprobs"]
    assert len(entries) == 3
    for entry in entries:
        assert entry["logprob"] <= 0 and bytes(entry["bytes"]).decode(errors="replace") == entry["token"]
        values = [one["logprob"] for one in entry["top_logprobs"]]
        assert len(values) == 3 and values == sorted(values, reverse=True)
    streamed = [entry for line in server.lines("/api/generate", **ask) for entry in line.get("logprobs", ())]
    assert [entry["token"] for entry in streamed] == [entry["token"] for entry in entries]


def test_log_probabilities_without_alternatives(server: ServerProcess) -> None:
    answer = server.chat(
        model="alphabet", messages=[{"role": "user", "content": PROMPT}], options={"num_predict": 2}, logprobs=True
    )
    assert [set(entry) for entry in answer["logprobs"]] == [{"token", "logprob", "bytes"}] * 2


@pytest.mark.parametrize("path", ["generate", "chat"])
@pytest.mark.parametrize("count", [21, -1])
def test_a189_too_many_alternatives(server: ServerProcess, path: str, count: int) -> None:
    answer = server.post(f"/api/{path}", model="nope", top_logprobs=count)
    assert refusal(answer) == (400, "top_logprobs must be between 0 and 20")


def test_a190_alternatives_alone_add_nothing(server: ServerProcess) -> None:
    answer = server.generate(model="alphabet", prompt=PROMPT, options={"num_predict": 2}, top_logprobs=3)
    assert "logprobs" not in answer


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": 1, "seed": 7}], ids=["A192", "A193"])
def test_the_same_request_gives_the_same_text(server: ServerProcess, options: dict[str, object]) -> None:
    ask = {"model": "smollm", "prompt": "Why is the sky blue?", "options": {"num_predict": 6, **options}}
    server.generate(**ask)  # from here on the prompt comes from the cache
    assert server.generate(**ask)["response"] == server.generate(**ask)["response"]


def test_a196_an_integer_may_have_a_fraction(server: ServerProcess) -> None:
    assert complete(server, num_predict=3.9)["eval_count"] == 3


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [
        ("temperature", "hot", "type float32"),
        ("top_k", True, "type integer"),
        ("use_mmap", 1, "type boolean"),
        ("stop", 5, "type array"),
        ("stop", [1], "an array of strings"),
    ],
    ids=["A197", "A198", "A199", "A200", "A201"],
)
@pytest.mark.parametrize("path", ["generate", "chat", "embed"])
def test_options_of_a_wrong_type(server: ServerProcess, path: str, option: str, value: object, kind: str) -> None:
    messages = [{"role": "user", "content": "x"}]
    answer = server.post(
        f"/api/{path}", model="smollm", prompt="x", input="x", messages=messages, options={option: value}
    )
    assert refusal(answer) == (500, f'option "{option}" must be of {kind}')


@pytest.mark.parametrize(
    "options", [{"stop": "zzz"}, {"top_k": None, "stop": None}, {"no_such_option": 1}], ids=["A202", "A203", "A204"]
)
def test_options_that_are_let_through(server: ServerProcess, options: dict[str, object]) -> None:
    assert complete(server, **options)["response"]


@pytest.mark.parametrize(
    "options",
    [OPTIONS_2023, {key: value for key, value in OPTIONS_2023.items() if key not in DROPPED_2025}],
    ids=["A205", "A206"],
)
def test_all_options_of_older_versions(server: ServerProcess, options: dict[str, object]) -> None:
    assert server.post("/api/generate", model="smollm", prompt="Hi", stream=False, options=options).status_code == 200


@pytest.mark.parametrize(
    "options",
    [
        {"top_p": 1.5},
        {"top_p": -1},
        {"min_p": 2},
        {"min_p": -1},
        {"typical_p": 2},
        {"num_thread": -1},
        {"num_batch": -1},
        {"num_ctx": -5},
        {"num_keep": -1},
        {"top_k": -1},
        {"num_predict": 10**30},
        {"seed": 10**30},
    ],
    ids=str,
)
def test_c12_c18_values_that_ollama_takes_as_off(server: ServerProcess, options: dict[str, object]) -> None:
    assert complete(server, **{"num_predict": 1, **options, "stop": [" "]})["done"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"repeat_last_n": -1}, 'option "repeat_last_n" is -1, but must be at least 0'),
        ({"num_keep": -2}, 'option "num_keep" is -2, but must be at least -1'),
        ({"repeat_penalty": 0}, 'option "repeat_penalty" is 0.0, but must be more than 0'),
        ({"temperature": 1e39}, 'option "temperature" is 1e+39, but must be a number of 32 bits'),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["generate", "chat", "embed"])
def test_b8_numbers_that_no_engine_could_use(server: ServerProcess, path: str, options: Any, text: str) -> None:
    messages = [{"role": "user", "content": "x"}]
    answer = server.post(f"/api/{path}", model="smollm", prompt="x", input="x", messages=messages, options=options)
    assert refusal(answer) == (400, text)


@pytest.mark.parametrize("path", ["generate", "chat", "embed"])
def test_a436_options_of_2023_are_checked_if_they_are_honoured(server: ServerProcess, path: str) -> None:
    ask = {"model": "smollm", "prompt": "x", "input": "x", "messages": [{"role": "user", "content": "x"}]}
    wrong = server.post(f"/api/{path}", **ask, options={"mirostat": "x"})
    assert refusal(wrong) == (500, 'option "mirostat" must be of type integer')
    assert server.post(f"/api/{path}", **ask, options={"numa": "x", "num_predict": 1}).status_code == 200


def test_b4_a_batch_beyond_all_measure_is_what_the_engine_takes(server: ServerProcess) -> None:
    assert complete(server, num_batch=2_000_000_000, num_predict=1)["done"]


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"num_ctx": "1024"}, 'option "num_ctx" must be of type integer'),
        ({"top_k": True}, 'option "top_k" must be of type integer'),
        ({"temperature": 1e39}, 'option "temperature" is 1e+39, but must be a number of 32 bits'),
        ({"temprature": 1}, "unknown parameter 'temprature'"),
    ],
    ids=["A439", "bool", "range", "C17"],
)
def test_b17_parameters_of_a_create_are_checked(server: ServerProcess, parameters: Any, text: str) -> None:
    answer = server.post("/api/create", model="wrong", **{"from": "smollm"}, parameters=parameters)
    assert refusal(answer) == (400, text)
    assert server.post("/api/show", model="wrong").status_code == 404


def test_a207_mirostat_does_not_fail(server: ServerProcess) -> None:
    assert complete(server, mirostat=2, temperature=1)["eval_count"] == 6


def test_a209_request_options_win_over_the_models(server: ServerProcess) -> None:
    server.create("brief", **{"from": "alphabet"}, parameters={"num_predict": 2})
    assert server.generate(model="brief", prompt=PROMPT)["eval_count"] == 2
    assert server.generate(model="brief", prompt=PROMPT, options={"num_predict": 4})["eval_count"] == 4


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("generate", {"prompt": "The 3 seas of generate."}),
        ("chat", {"messages": [{"role": "user", "content": "The 7 seas of chat."}]}),
    ],
)
def test_a437_cached_tokens_are_told_and_are_part_of_the_prompt(
    server: ServerProcess, path: str, body: dict[str, Any]
) -> None:
    server.post("/api/generate", model="alphabet", keep_alive=0)  # so that nothing is in the cache
    ask = {"model": "alphabet", "options": {"num_predict": 1}, **body}
    first, again = (server.lines(f"/api/{path}", **ask)[-1] for _ in range(2))
    assert first["prompt_eval_cached_count"] == 0
    assert 0 < again["prompt_eval_cached_count"] < again["prompt_eval_count"] == first["prompt_eval_count"]


def test_a210_cached_prompt_tokens_count(server: ServerProcess) -> None:
    assert complete(server)["prompt_eval_count"] == complete(server)["prompt_eval_count"] != 0
