"""The bare engine: one sequence straight through the extension module, in a process of its own.

``python -m bench.engine_loop MODEL THREADS`` answers each line ``PROMPT_JSON N`` on stdin with one JSON line.
"""

from __future__ import annotations

import json
import select
import sys
import time
from typing import Any

import msgspec

from pyollama.native._engine import Engine
from pyollama.scheduler.options import DEFAULT_SAMPLING
from pyollama.wire import runner as wire

FINISHED, FAILED, LOADED, LOAD_FAILED, PIECE = map(
    wire.tag_of, (wire.Finished, wire.Failed, wire.Loaded, wire.LoadFailed, wire.Piece)
)
GREEDY = msgspec.structs.asdict(DEFAULT_SAMPLING) | {"temperature": 0.0}


def events(engine: Engine) -> Any:
    """Every event, as it comes."""
    while True:
        select.select([engine.fileno()], [], [])
        yield from engine.drain()


def measure(engine: Engine, request: int, prompt: str, n: int) -> dict[str, float]:
    """Greedy answer of at most n tokens: tokens per second after the first, and seconds to the first."""
    begin = time.perf_counter()
    engine.generate(request, prompt, n_ctx=4096, num_predict=n, num_keep=4, **GREEDY)
    first = 0.0
    for event in events(engine):
        if event[0] == PIECE and not first:
            first = time.perf_counter()
        elif event[0] == FAILED:
            raise SystemExit(f"engine failed: {event}")
        elif event[0] == FINISHED:
            tokens = event[6]
            return {
                "tokens": tokens,
                "output_per_second": (tokens - 1) / (time.perf_counter() - first),
                "first_token_seconds": first - begin,
            }
    raise AssertionError("the event stream ended")


def main(model: str, threads: int) -> None:
    spec = wire.LoadSpec([model], n_threads=threads, n_threads_batch=threads)
    values = msgspec.structs.asdict(spec)
    del values["memory_limit"]  # the process's, not the engine's
    engine = Engine(**values)
    for event in events(engine):
        if event[0] == LOAD_FAILED:
            raise SystemExit(f"load failed: {event}")
        if event[0] == LOADED:
            break
    print("{}", flush=True)
    for request, line in enumerate(sys.stdin, 1):
        prompt, n = json.loads(line)
        print(json.dumps(measure(engine, request, prompt, n)), flush=True)
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
