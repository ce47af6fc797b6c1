"""How much memory a runner may take: a limit of the kernel on this process, so that no model takes the machine.

Linux only. RLIMIT_DATA counts private writable memory (setrlimit(2), since Linux 4.7), so weights that are mapped from
their file cost nothing; what goes beyond fails to be allocated, which ends the request, or else the process.
"""

from __future__ import annotations

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


class MemoryLimit:
    """The limit of this process. Make it before the engine opens a model and threads start."""

    def __init__(self, *, uses_gpu: bool) -> None:
        """``uses_gpu``: there is no limit then, for drivers of GPUs map far more than they use."""
        self._enforced = sys.platform == "linux" and not uses_gpu
        self._held = _held() if self._enforced else 0

    def set(self, size: int) -> None:
        """Let this process take at most ``size`` bytes more than it had at first; 0 changes nothing."""
        if not size or not self._enforced:
            return
        import resource

        limit = self._held + size
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        if most == resource.RLIM_INFINITY or limit < most:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _held(status: Path = STATUS) -> int:
    """Private writable memory of this process in bytes, as the kernel counts it against the limit."""
    for line in status.read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
