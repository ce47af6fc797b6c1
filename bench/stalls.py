"""How long the server's event loop keeps everybody waiting while hostile and huge requests come in.

    python -m bench.stalls MODEL.gguf

Prints, for each kind of request, the longest stall of the loop in milliseconds: of that time, what the server's process
had on a processor, since a busy machine stalls everybody. Beside it the whole time, and that of a loop that does
nothing on the same machine at the same time. The best of some rounds counts: other work can only make a stall longer.
Fails if one is above the bound. With --stacks .cache/bench-stalls.txt tells what the server did then.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import servers

BOUND_MS = 20.0
N_CLIENTS = 4
HUGE = 60_000_000  # bytes

Body = bytes
Kind = tuple[str, Callable[[], Body]]


def nested_ranges(size: int) -> str:
    """A template of about ``size`` characters whose ranges multiply."""
    levels = size // 60
    depth = min(levels, 90)
    one = "{{ range $.Messages }}" * depth + "x" + "{{ end }}" * depth
    return one * max(1, size // len(one))


def generate(**fields: object) -> Body:
    return json.dumps({"model": "bench", "_debug_render_only": True, "prompt": "x", **fields}).encode()


def chat(messages: list[dict[str, object]], **fields: object) -> Body:
    return json.dumps({"model": "bench", "_debug_render_only": True, "messages": messages, **fields}).encode()


def turns(n: int, text: str) -> list[dict[str, object]]:
    return [{"role": ("user", "assistant")[i % 2], "content": f"{i}: {text}"} for i in range(n)]


KINDS: dict[str, tuple[str, Callable[[], Body]]] = {
    "template without end": (
        "/api/generate",
        lambda: generate(template=nested_ranges(4_000), system="two messages multiply"),
    ),
    "template of 80 KB": ("/api/generate", lambda: generate(template=nested_ranges(80_000))),
    "template of 960 KB": ("/api/generate", lambda: generate(template=nested_ranges(960_000))),
    "chat of 1,000 messages": ("/api/chat", lambda: chat(turns(1000, "when does the tide come in? " * 10))),
    "chat of 300,000 messages": ("/api/chat", lambda: chat(turns(300_000, "when does the tide come in? " * 5))),
    "60 MB in one message": (
        "/api/chat",
        lambda: chat(turns(1, "when does the tide come in? " * (HUGE // 28)), _debug_render_only=False),
    ),
    "60 MB in one prompt": (
        "/api/generate",
        lambda: generate(prompt="when is it? \n" * (HUGE // 15), raw=True, _debug_render_only=False),
    ),
    "60 MB in one image": (
        "/api/generate",
        lambda: generate(images=[base64.b64encode(os.urandom(HUGE // 4 * 3)).decode()]),
    ),
    "60 MB of empty lists": ("/api/generate", lambda: generate(options={"a": [[]] * (HUGE // 4)})),
    "60 MB of numbers": ("/api/generate", lambda: generate(context=[1234567] * (HUGE // 9))),
    "60 MB of blanks": ("/api/generate", lambda: b'{"model":' + b" " * HUGE + b'"bench"}'),
    "60 MB in one key": ("/api/generate", lambda: json.dumps({"a" * HUGE: 1, "model": "bench"}).encode()),
    "60 MB as the model's name": ("/api/generate", lambda: generate(model="a" * HUGE)),
    "60 MB of a format": ("/api/generate", lambda: generate(format={"a": "x" * HUGE})),
}


@contextmanager
def heartbeats(model: Path, folder: Path, stacks: Sequence[str]) -> Iterator[tuple[servers.Running, Path, Path]]:
    """A server and an idle loop, and the files where each notes when it is late."""
    ours, alone = folder / "ours", folder / "alone"
    command = [sys.executable, "-m", "bench.heartbeat"]
    with servers.ours(model, threads=1, command=[*command, str(ours), *stacks]) as server:
        idle = subprocess.Popen([*command, str(alone), "--alone"])
        try:
            yield server, ours, alone
        finally:
            idle.terminate()
            idle.wait()
            if stacks:
                ours.with_suffix(".stacks").replace(servers.CACHE / "bench-stalls.txt")


def post(server: servers.Running, path: str, body: Body) -> int:
    request = urllib.request.Request(f"http://{server.host}:{server.port}{path}", body)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            while answer.read(1 << 20):
                pass
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.read()
        return error.code


def longest_ms(notes: Path, start: float, end: float) -> tuple[float, float]:
    """The longest stall that began between two moments of the monotonic clock: on a processor, and altogether."""
    lines = [tuple(map(float, line.split())) for line in notes.read_text().splitlines()] if notes.exists() else []
    seen = [(cpu * 1000, late * 1000) for due, late, cpu in lines if start <= due <= end]
    return max((cpu for cpu, _ in seen), default=0.0), max((late for _, late in seen), default=0.0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.stalls", description=__doc__)
    parser.add_argument("model", type=Path, help="a GGUF file")
    parser.add_argument("--rounds", type=int, default=3, help="the best counts")
    parser.add_argument("--only", default="", help="kinds of requests whose name contains this text")
    parser.add_argument("--stacks", action="store_true", help="look at all threads in a stall; may crash the server")
    arguments = parser.parse_args()
    results: dict[str, dict[str, object]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        heartbeats(arguments.model, Path(folder), ["--stacks"] if arguments.stacks else []) as (server, ours, alone),
    ):
        post(server, "/api/generate", json.dumps({"model": "bench", "stream": False}).encode())  # loads it
        for name, (path, make) in KINDS.items():
            if arguments.only not in name:
                continue
            body = make()
            n_clients = 1 if len(body) > 1 << 24 else N_CLIENTS
            for _ in range(arguments.rounds):
                found = measure(server, path, body, n_clients)
                stall, late = longest_ms(ours, found["start"], found["end"])
                _, idle = longest_ms(alone, found["start"], found["end"])
                found |= {"stall_ms": round(stall, 1), "late_ms": round(late, 1), "idle_loop_late_ms": round(idle, 1)}
                if name not in results or found["stall_ms"] < results[name]["stall_ms"]:
                    results[name] = {key: value for key, value in found.items() if key not in ("start", "end")}
            print(f"{name:28}", json.dumps(results[name]), flush=True)
    missed = [name for name, found in results.items() if found["stall_ms"] > BOUND_MS]
    print(f"bound {BOUND_MS:g} ms:", f"missed by {', '.join(missed)}" if missed else "held")
    return 1 if missed else 0


def measure(server: servers.Running, path: str, body: Body, n_clients: int) -> dict[str, object]:
    """Some clients at once post the same; what they got, and when."""
    statuses: list[int] = []
    clients = [threading.Thread(target=lambda: statuses.append(post(server, path, body))) for _ in range(n_clients)]
    start = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    end = time.monotonic()
    return {"start": start, "end": end, "seconds": round(end - start, 2), "statuses": sorted(statuses)}


if __name__ == "__main__":
    sys.exit(main())
