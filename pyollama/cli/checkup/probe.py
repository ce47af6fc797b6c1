"""What the native library says about itself, asked of a process of its own: a broken one cannot hurt the caller.

``python -m pyollama.cli.checkup.probe`` prints it as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

SECONDS = 30.0


def ask() -> dict[str, Any]:
    """Version, system_info and devices of the native library; or ``error``, why it does not load."""
    command = [sys.executable, "-P", "-m", "pyollama.cli.checkup.probe"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {SECONDS:g} s"}
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    if done.returncode < 0:
        return {"error": f"ended by {signal.Signals(-done.returncode).name}"}
    return {"error": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}


def main() -> None:
    os.environ["GGML_NO_BACKTRACE"] = "1"
    from pyollama.native import _engine

    print(json.dumps({name: getattr(_engine, name)() for name in ("version", "system_info", "devices")}))


if __name__ == "__main__":
    main()
