"""The lines of generate and chat streams."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from pyollama.prompt.output import Delta
from pyollama.server.asking import Ask, ChatTask
from pyollama.server.dialects.ollama.encoder import ChatEncoder, GenerateEncoder, error_line, token_logprobs
from pyollama.server.encoding import Ending
from pyollama.wire.chat import AnsweredCall, AnsweredFunction
from pyollama.wire.runner import TokenLogprob

END = Ending(
    "stop", prompt_tokens=3, cached_tokens=0, output_tokens=2, total_ns=50, load_ns=0, prompt_ns=10, output_ns=20
)
NASTY = 'a "quote", \\ back\nline \u2028 <b> \U0001f600'


def ask(model: str = "m", logprobs: int = -1) -> Ask:
    return Ask(model=model, task=ChatTask(()), arrived=0, logprobs=logprobs)


@pytest.mark.parametrize("encoder", [GenerateEncoder(ask('m"')), ChatEncoder(ask('m"'))])
def test_a_chunk_is_one_line_of_json(encoder: GenerateEncoder | ChatEncoder) -> None:
    line = encoder.delta(Delta(NASTY, "hm"), ())
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    chunk = json.loads(line)
    assert chunk["model"] == 'm"' and chunk["done"] is False
    text = chunk.get("message", chunk)
    assert (text.get("content", text.get("response")), text["thinking"]) == (NASTY, "hm")


def test_zero_metrics_are_left_out() -> None:
    """A035, A437"""
    last = json.loads(GenerateEncoder(ask()).finish(Delta(), END))
    assert "load_duration" not in last and last["total_duration"] == 50
    assert last["prompt_eval_cached_count"] == 0
    assert list(last)[:5] == ["model", "created_at", "response", "done", "done_reason"]


def test_held_calls_come_before_the_last_line() -> None:
    calls = (AnsweredCall("call_1", AnsweredFunction(0, "f", {})),)
    first, last = ChatEncoder(ask()).finish(Delta("rest", "", calls), END).splitlines()
    assert json.loads(first)["message"]["tool_calls"][0]["id"] == "call_1"
    assert json.loads(last)["message"] == {"role": "assistant", "content": "rest"}


def test_the_end_by_length_is_told() -> None:
    end = replace(END, reason="length")
    assert json.loads(ChatEncoder(ask()).finish(Delta(), end))["done_reason"] == "length"


def test_an_error_line_has_one_key() -> None:
    assert json.loads(error_line('a "b"')) == {"error": 'a "b"'}


def test_bytes_of_an_empty_token_are_left_out() -> None:
    (entry,) = token_logprobs([TokenLogprob("", -0.5, b"")], top=False)
    assert (entry.token, entry.logprob) == ("", -0.5)
    assert json.loads(msgspec.json.encode(entry)) == {"token": "", "logprob": -0.5}


def test_log_probabilities_stand_before_the_metrics() -> None:
    entry = TokenLogprob("a", -0.5, b"a", [("b", -1.0, b"b")])
    whole = msgspec.to_builtins(ChatEncoder(ask(logprobs=1)).whole(Delta("a"), [entry], END))
    assert list(whole)[4:7] == ["done_reason", "logprobs", "total_duration"]
    assert whole["logprobs"][0]["top_logprobs"][0]["token"] == "b"
