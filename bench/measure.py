"""The measurements themselves: each returns plain numbers, the best of interleaved rounds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench import machine, servers, streams

TOKENS = 128
STORY = "Write a very long and detailed story about a {}. Once upon a time, in a land far away, there lived a"
HEROES = ("dragon", "sailor", "baker", "robot", "painter", "gardener", "teacher", "wizard")


@contextmanager
def engine_process(model: Path, threads: int) -> Iterator[subprocess.Popen[str]]:
    """bench.engine_loop, loaded and waiting for work."""
    command = [sys.executable, "-m", "bench.engine_loop", str(model), str(threads)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout and process.stdout.readline()
        yield process
        process.stdin.close()


def bare_engine(process: subprocess.Popen[str], prompt: str) -> dict[str, float]:
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps([prompt, TOKENS]) + "\n")
    process.stdin.flush()
    return dict(json.loads(process.stdout.readline()))


def plain_loop(program: Path, model: Path, threads: int) -> float:
    """Output tokens per second of llama_loop."""
    command = [str(program), str(model), str(threads), "24", str(TOKENS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["output_per_second"])


def ollama_request(prompt: str, n: int = TOKENS) -> dict[str, Any]:
    options = {"temperature": 0, "num_predict": n, "num_ctx": 2048}
    return {"model": "bench", "prompt": prompt, "raw": True, "options": options}


def peer_request(prompt: str, n: int = TOKENS) -> dict[str, Any]:
    return {"prompt": prompt, "n_predict": n, "temperature": 0, "stream": True, "cache_prompt": True}


def one_stream(server: servers.Running, prompt: str) -> float:
    """Output tokens per second after the first token, as a client sees them."""
    (stream,) = streams.run(server.host, server.port, "/api/generate", [ollama_request(prompt)])
    final = stream.lines()[-1]
    return float((final["eval_count"] - 1) / (stream.last - stream.first))


def eight_streams(server: servers.Running, *, ours: bool, salt: int) -> float:
    """Output tokens per second of eight clients together, prompts included in the time."""
    make, path = (ollama_request, "/api/generate") if ours else (peer_request, "/completion")
    prompts = [f"({salt}) " + STORY.format(hero) for hero in HEROES]
    answers = streams.run(server.host, server.port, path, [make(prompt) for prompt in prompts])
    finals = [answer.lines()[-1] for answer in answers]
    tokens = sum(final["eval_count"] if ours else final["tokens_predicted"] for final in finals)
    return float(tokens / (max(a.last for a in answers) - min(a.started for a in answers)))


def first_token(server: servers.Running, salt: int) -> tuple[float, float]:
    """Seconds to the first token of a prompt of about 1,000 tokens: cold, then the same prompt again."""
    words = " ".join(f"Item {salt * 1000 + i} is a {HEROES[i % 8]} from town {i * 7 % 13}." for i in range(72))
    request = ollama_request(words, 1)
    cold, cached = (
        streams.run(server.host, server.port, "/api/generate", [request])[0].first_token_seconds for _ in range(2)
    )
    return cold, cached


def server_cpu_per_token(server: servers.Running) -> float:
    """Microseconds of processor time that the server process spends on one streamed token."""
    before, tokens = machine.cpu_seconds(server.pid), 0
    for salt in range(4):
        (stream,) = streams.run(server.host, server.port, "/api/generate", [ollama_request(f"{salt} " + STORY, 256)])
        tokens += stream.lines()[-1]["eval_count"]
    return (machine.cpu_seconds(server.pid) - before) / tokens * 1e6


def help_milliseconds() -> float:
    """Wall time of ``pyollama --help``."""
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("pyollama"), "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - begin)
    return median(times) * 1e3


def compare(model: Path, threads: int, rounds: int, loop: Path) -> dict[str, float]:
    """Everything that is a ratio within one run, for one model file."""
    found: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    with servers.ours(model, threads) as server, servers.peer(model, threads) as peer:
        with engine_process(model, threads) as engine:
            for hero in HEROES[:rounds]:
                prompt = STORY.format(hero)
                note("plain loop, tokens/s", plain_loop(loop, model, threads))
                note("bare engine, tokens/s", bare_engine(engine, prompt)["output_per_second"])
                note("API, 1 stream, tokens/s", one_stream(server, prompt))
        for salt in range(rounds):
            note("API, 8 streams, tokens/s", eight_streams(server, ours=True, salt=salt))
            note("peer, 8 streams, tokens/s", eight_streams(peer, ours=False, salt=salt))
            cold, cached = first_token(server, salt)
            note("first token, cold, ms", cold * 1e3)
            note("first token, 1,000 tokens cached, ms", cached * 1e3)
        note("server processor time per token, µs", server_cpu_per_token(server))
        note("server process, resident MB", machine.resident_mb(server.pid))
        note("runner process, resident MB", sum(map(machine.resident_mb, machine.children(server.pid))))
        note("peer process, resident MB", machine.resident_mb(peer.pid))
    return {name: best(name, values) for name, values in found.items()}


def best(name: str, values: list[float]) -> float:
    """The round that other work on the machine disturbed least: it can only slow a party down."""
    return max(values) if name.endswith("tokens/s") else min(values)
