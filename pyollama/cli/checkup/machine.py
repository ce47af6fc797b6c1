"""Checks of this machine: Python, the native library, devices, environment, proxies, terminal."""

from __future__ import annotations

import os
import platform
import re
import sys
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import Any

from pyollama import __version__
from pyollama.cli.checkup import Verdict
from pyollama.cli.help.environment import CLIENT, SERVER
from pyollama.cli.output import terminal
from pyollama.cli.output.formats import human_bytes
from pyollama.config import PREFIXES, lookup, problems

_PACKAGES = ("click", "hypercorn", "lark", "msgspec", "prompt-toolkit", "quart-trio", "trio")
# Features the build may use: their name in the library's report, and in the kernel's list.
_FEATURES = {"AVX": "avx", "AVX2": "avx2", "FMA": "fma", "F16C": "f16c", "AVX512": "avx512f"}


def python() -> Verdict:
    text = f"pyollama {__version__}, Python {platform.python_version()} on {platform.platform(terse=True)}"
    return Verdict("python", "ok", text)


def packages() -> Verdict:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Verdict("packages", "fail", f"missing: {', '.join(missing)}", "Install pyollama again with pip.")
    return Verdict("packages", "ok", ", ".join(found))


def native(probed: dict[str, Any]) -> Verdict:
    """The native library loads, and was built for this processor."""
    if error := probed.get("error"):
        advice = "Install pyollama again on this machine: pip install --force-reinstall --no-deps pyollama"
        return Verdict("native", "fail", f"the native library does not load: {error}", advice)
    info = str(probed["system_info"])
    unused = sorted(cpu_features() - built_features(info))
    text = f"{probed['version']}; {' '.join(info.split())}"
    if unused:
        advice = "A build from source on this machine uses all of the processor."
        return Verdict("native", "warn", f"{text}; not used: {', '.join(unused)}", advice)
    return Verdict("native", "ok", text)


def built_features(system_info: str) -> set[str]:
    return {name for name in _FEATURES if re.search(rf"\b{name} = 1\b", system_info)}


def cpu_features() -> set[str]:
    """Features of this processor that a build may use; nothing where the kernel does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return set()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    flags = found[1].split() if found else []
    return {name for name, flag in _FEATURES.items() if flag in flags}


def devices(probed: dict[str, Any]) -> Verdict:
    if "error" in probed:
        return Verdict("devices", "skip", "the native library does not load")
    found = [
        f"{d['name']} ({d['description']}, {human_bytes(d['memory_free'])} of {human_bytes(d['memory_total'])} free)"
        for d in probed["devices"]
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Verdict("devices", "ok", f"{cores} CPU threads; {'; '.join(found) or 'no device listed'}")


def environment() -> Verdict:
    """Variables that are set; unparsable, contradictory and unknown ones."""
    known = {name.removeprefix(PREFIXES[1]) for name in SERVER | CLIENT}
    given = [name for name in sorted(os.environ) if name.startswith(PREFIXES)]
    wrong = problems(os.environ)
    for name in sorted(known):
        if len({os.environ.get(prefix + name) for prefix in PREFIXES} - {None}) > 1:
            found = lookup(os.environ, name)
            wrong.append(f"PYOLLAMA_{name} and OLLAMA_{name} differ; {found[0] if found else 'neither'} counts")
    text = ", ".join(f"{name}={os.environ[name]}" for name in given if not name.endswith(("KEY", "TOKEN")))
    if wrong:
        return Verdict("environment", "warn", "; ".join(wrong), "Correct or unset these variables.")
    return Verdict("environment", "ok", text or "no variable is set")


def proxies() -> Verdict:
    """Other programs' way to localhost; pyollama itself goes there directly."""
    found = urllib.request.getproxies()
    if not any(kind in found for kind in ("http", "https", "all")):
        return Verdict("proxies", "ok", "no proxy is set")
    text = ", ".join(f"{kind}: {url}" for kind, url in sorted(found.items()))
    if "http" in found and not urllib.request.proxy_bypass("localhost"):
        advice = "Set NO_PROXY=localhost,127.0.0.1 so that other programs reach the server."
        return Verdict("proxies", "warn", f"{text}; requests to localhost go through it", advice)
    return Verdict("proxies", "ok", text)


def terminal_abilities() -> Verdict:
    if not sys.stdout.isatty():
        return Verdict("terminal", "skip", "standard output is not a terminal")
    columns, lines = terminal.size(sys.stdout)
    colour = "colour" if terminal.colours(sys.stdout) else "no colour"
    text = f"{columns} by {lines}, {sys.stdout.encoding}, {colour}, TERM={os.environ.get('TERM', '')}"
    if not terminal.encodes(sys.stdout, "█"):
        return Verdict("terminal", "warn", text, "Use a UTF-8 locale to see all characters of an answer.")
    return Verdict("terminal", "ok", text)
