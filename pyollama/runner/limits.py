"""How much memory a runner may take: a limit of the kernel on this process, so that no model takes the machine.

Linux only. RLIMIT_DATA counts private writable memory (setrlimit(2), since Linux 4.7), so weights that are mapped from
their file cost nothing; what goes beyond fails to be allocated, which ends the request, or else the process.
"""

from __future__ import annotations

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def limit_memory(size: int) -> None:
    """Let this process take at most ``size`` bytes more than it has; 0 sets no limit. Call it before threads start."""
    if not size or sys.platform != "linux":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _held() + size
    if most == resource.RLIM_INFINITY or limit < most:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _held(status: Path = STATUS) -> int:
    """Private writable memory of this process in bytes, as the kernel counts it against the limit."""
    for line in status.read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
