"""The answer to a request depends on the request, not on what else the KV pool holds or on where its cells lie."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import pytest
from support import tiny_models
from support.engine import Reply, TestedEngine

CELLS = 2048
SHORT = "The request whose answer is compared."
LONG = "A longer one, which several threads share between them. " * 11


def shown(reply: Reply) -> list[tuple[str, float]]:
    return [(entry.token, entry.logprob) for entry in reply.logprobs]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("prompt", [SHORT, LONG], ids=["short", "long"])
def test_log_probabilities_are_the_same_bits_in_every_state_of_the_pool(
    tmp_path: Path, prompt: str, threads: int
) -> None:
    """Fills, empties and shuffles the pool. Answers that took as much from the cache have to be alike."""
    path = tiny_models.sliding_window(tmp_path / "model.gguf", window=4096)
    spec = {"n_ctx": 1024, "n_cells": CELLS, "n_batch": 512, "n_threads": threads, "n_threads_batch": threads}
    choice = random.Random(7)
    answers: defaultdict[int, set[tuple[tuple[str, float], ...]]] = defaultdict(set)
    times: defaultdict[int, int] = defaultdict(int)
    with TestedEngine(str(path), **spec) as engine:

        def others(n: int, length: int) -> None:
            texts = [f"{choice.random()} " + "x" * choice.randrange(length) for _ in range(n)]
            numbers = [engine.start(text, n_ctx=1024, num_predict=choice.randrange(1, 40)) for text in texts]
            engine.raw.cancel(choice.choice(numbers))
            engine.replies(numbers)

        for _ in range(14):
            others(*choice.choice([(1, 60), (3, 300), (6, 100), (8, 700)]))
            reply = engine.complete(prompt, n_ctx=1024, num_predict=24, logprobs=0)
            answers[reply.end.prompt_reused].add(tuple(shown(reply)))
            times[reply.end.prompt_reused] += 1

    assert all(len(different) == 1 for different in answers.values()), dict(times)
    assert max(times.values()) > 2  # more than one state was compared
    assert times[1] > 1  # computed anew but for BOS


def test_a_prompt_of_whole_blocks_is_answered_from_the_cache_as_anew(tmp_path: Path) -> None:
    """C14. Scripted weights would hide a difference; random ones show the last bit of it."""
    path = tiny_models.sliding_window(tmp_path / "model.gguf", window=4096)
    with TestedEngine(str(path), n_ctx=1024, n_cells=CELLS, n_batch=512) as engine:
        prompt = "b" * 63  # and BOS
        replies = [engine.complete(prompt, num_predict=8, logprobs=0) for _ in range(2)]

    assert [reply.end.prompt_reused for reply in replies] == [0, 48]
    assert shown(replies[0]) == shown(replies[1])
