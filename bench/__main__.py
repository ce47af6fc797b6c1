"""``python -m bench``: every figure and ratio of docs/reference/benchmarks.md, in one run.

Needs the native programs (``make bench`` builds them) and fetches the model and the peer on first use.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

from bench import machine, measure, report, servers

NATIVE = Path("build/bench/bench/native")


def q4_0_copy(model: Path) -> Path:
    """The same model requantized, kept in the cache."""
    copy = servers.CACHE / "models" / (model.stem + ".as-Q4_0.gguf")
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([NATIVE / "requantize", model, copy], check=True, capture_output=True)
    return copy


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("model", type=Path, help="a GGUF file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=6, help="rounds, 8 at most; the best counts")
    parser.add_argument("--json", type=Path, default=Path("bench/results/latest.json"))
    parser.add_argument("--docs", type=Path, help="also write the page there, e.g. docs/reference/benchmarks.md")
    arguments = parser.parse_args()
    servers.CACHE.mkdir(exist_ok=True)

    results: report.Results = {"machine": machine.describe(), "peer": servers.PEER_PACKAGE, "models": {}}
    results["help_ms"] = measure.help_milliseconds()
    for model in (arguments.model, q4_0_copy(arguments.model)):
        figures = measure.compare(model, arguments.threads, arguments.rounds, NATIVE / "llama_loop")
        results["models"][model.name] = figures
    page = report.page(results, threads=arguments.threads, rounds=arguments.rounds)
    print(page)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    if arguments.docs:
        arguments.docs.write_text(page)


if __name__ == "__main__":
    main()
