"""How long it takes, and how much memory, to open the header of a model with a large vocabulary.

    python bench/gguf_header.py [MODEL.gguf]

Without a file it makes one with 262,144 tokens, scores and types and 514,906 merges, as large vocabularies have.
Prints figures as JSON: milliseconds of the best and the median open, and growth of the resident memory in MB.
The goal: under 50 ms and under 30 MB.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from pyollama.native import _gguf

N_TOKENS = 262_144
N_MERGES = 514_906
ROUNDS = 15


def make_header(path: Path) -> None:
    """A header of the size that a 262,144-token model has, without tensors."""
    tokens = [f"\u2581w{i:x}" for i in range(N_TOKENS)]
    merges = [f"\u2581{i:x} {i % 997:x}" for i in range(N_MERGES)]
    values = [
        ("general.architecture", struct.pack("<I", 8) + _string("gemma3")),
        ("tokenizer.ggml.tokens", _strings(tokens)),
        ("tokenizer.ggml.scores", struct.pack(f"<IIQ{N_TOKENS}f", 9, 6, N_TOKENS, *range(N_TOKENS))),
        ("tokenizer.ggml.token_type", struct.pack(f"<IIQ{N_TOKENS}i", 9, 5, N_TOKENS, *[1] * N_TOKENS)),
        ("tokenizer.ggml.merges", _strings(merges)),
    ]
    pairs = b"".join(_string(key) + value for key, value in values)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)) + pairs)


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _strings(texts: list[str]) -> bytes:
    return struct.pack("<IIQ", 9, 8, len(texts)) + b"".join(map(_string, texts))


def measure(path: str) -> dict[str, object]:
    """Open the header several times. The first open, from a cold interpreter, gives the memory."""
    before = _resident_peak()
    header = _gguf.read_header(path)
    extra = _resident_peak() - before
    times = [_timed_open(path) for _ in range(ROUNDS)]
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    return {
        "file": Path(path).name,
        "tokens": len(tokens) if isinstance(tokens, _gguf.ArrayValue) else 0,
        "header_mb": round(header.data_offset / 1e6, 2),
        "best_ms": round(min(times) * 1e3, 2),
        "median_ms": round(median(times) * 1e3, 2),
        "extra_mb": round(extra / 1e6, 2),
    }


def _timed_open(path: str) -> float:
    start = time.perf_counter()
    with _gguf.read_header(path):
        return time.perf_counter() - start


def _resident_peak() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "synthetic.gguf"
        # Processes of their own: Linux hands a process's peak on to its children.
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            if len(sys.argv) == 1:
                pool.apply(make_header, (path,))
            print(json.dumps(pool.apply(measure, (str(path),))))


if __name__ == "__main__":
    main()
