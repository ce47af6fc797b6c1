"""The compute devices of this machine, asked of a process of its own: the server loads no native code.

``python -m pyollama.runner.devices`` prints them as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import trio

PROBE_SECONDS = 30.0
_known: list[dict[str, Any]] | None = None
_asking = trio.Lock()


async def list_devices() -> list[dict[str, Any]]:
    """Devices as native._engine.devices() describes them; found once per process. Empty if the probe fails."""
    global _known
    async with _asking:  # many may want to know at the start; one process is enough
        if _known is None:
            _known = await _probe()
        return _known


async def count_gpus() -> int:
    return sum(device["kind"] in ("gpu", "igpu") for device in await list_devices())


async def _probe() -> list[dict[str, Any]]:
    command = [sys.executable, "-P", "-m", "pyollama.runner.devices"]
    with trio.move_on_after(PROBE_SECONDS):
        result = await trio.run_process(command, capture_stdout=True, stderr=subprocess.DEVNULL, check=False)
        if result.returncode == 0:
            found: list[dict[str, Any]] = json.loads(result.stdout.splitlines()[-1])
            return found
    return []


def main() -> None:
    os.environ["GGML_NO_BACKTRACE"] = "1"
    from pyollama.native import _engine

    print(json.dumps(_engine.devices()))


if __name__ == "__main__":
    main()
