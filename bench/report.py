"""The page docs/reference/benchmarks.md from the figures of one run."""

from __future__ import annotations

from typing import TypedDict


class Results(TypedDict, total=False):
    machine: dict[str, str]
    peer: str
    help_ms: float
    models: dict[str, dict[str, float]]


# What is compared, which way, and the bound that we hold ourselves to.
RATIOS = (
    ("bare engine / plain loop", "bare engine, tokens/s", "plain loop, tokens/s", ">=", 0.98),
    ("API, 1 stream / bare engine", "API, 1 stream, tokens/s", "bare engine, tokens/s", ">=", 0.95),
    ("API, 8 streams / peer, 8 streams", "API, 8 streams, tokens/s", "peer, 8 streams, tokens/s", ">=", 1.0),
    ("first token, cached / cold", "first token, 1,000 tokens cached, ms", "first token, cold, ms", "<=", 0.05),
)
LIMITS = (("server process, resident MB", 90.0), ("pyollama --help, ms", 200.0))


def page(results: Results, *, threads: int, rounds: int) -> str:
    """Markdown: machine and command, figures, then ratios against their bounds."""
    models = results["models"]
    lines = [
        "# Benchmarks",
        "",
        "Written by `python -m bench` (see `make bench`). The figures of a column come from one run on one machine,",
        f"the parties taking turns; each is the best of {rounds} rounds, since other work on a machine can only slow a",
        f"party down. {threads} threads.",
        "The peer is its published wheel (portable, AVX2, OpenMP); ours and the plain loop are built for this machine,",
        "both from the patched tree. Text of steps below 10 ms goes out together, 20 ms at most.",
        "",
        *(f"- {key}: {value}" for key, value in results["machine"].items() if value),
        f"- peer: {results['peer']} (llama.cpp's server, 8 slots)",
        "",
        "| | " + " | ".join(models) + " |",
        "|---|" + "---:|" * len(models),
    ]
    for name in next(iter(models.values())):
        lines.append(f"| {name} | " + " | ".join(f"{figures[name]:.1f}" for figures in models.values()) + " |")
    lines += [f"| pyollama --help, ms | {results['help_ms']:.0f} |" + " |" * (len(models) - 1), "", "## Bounds", ""]
    lines += ["| | bound | " + " | ".join(models) + " |", "|---|---:|" + "---:|" * len(models)]
    for title, above, below, sign, bound in RATIOS:
        cells = [_cell(figures[above] / figures[below], sign, bound) for figures in models.values()]
        lines.append(f"| {title} | {sign} {bound} | " + " | ".join(cells) + " |")
    for name, bound in LIMITS:
        cells = [_cell(figures.get(name, results["help_ms"]), "<=", bound) for figures in models.values()]
        lines.append(f"| {name} | <= {bound:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: float, sign: str, bound: float) -> str:
    held = value >= bound if sign == ">=" else value <= bound
    return f"{value:.3f}" + ("" if held else " (missed)")
