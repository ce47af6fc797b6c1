"""How many threads the engine may use: what the machine has, less what the operating system withholds.

Two limits make the online CPUs a wrong answer. The affinity mask (taskset, a container's cpuset) names the CPUs this
process may run on. A cgroup quota allows CPU time per period: threads beyond it make all of them stand still until the
period ends, which is slower than having fewer.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator, Set
from pathlib import Path

SYS = Path("/sys")
PROC = Path("/proc")


def thread_counts(*, sys: Path = SYS, proc: Path = PROC, cpus: Set[int] | None = None) -> tuple[int, int]:
    """Threads for decoding single tokens, and for prompts; both at least 1.

    One per physical core: matrix products fill a core's vector units, so a second thread on it only adds waiting.

    Args:
        sys, proc: where the kernel's file systems are mounted.
        cpus: ids of the CPUs this process may use; by default its affinity mask.
    """
    allowed = usable_cpus() if cpus is None else cpus
    cores = physical_cores(allowed, sys)
    quota = cpu_quota(sys, proc)
    count = max(1, cores if quota is None else min(cores, int(quota)))
    return count, count


@functools.cache
def machine_threads() -> tuple[int, int]:
    """Threads that are best for this machine, and the most that can run at once. Looked up once per process."""
    quota = cpu_quota()
    most = len(usable_cpus())
    return thread_counts()[0], max(1, most if quota is None else min(most, math.ceil(quota)))


def usable_cpus() -> Set[int]:
    """Ids of the CPUs this process may run on; all of them where the system knows no affinity."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def physical_cores(cpus: Set[int], sys: Path = SYS) -> int:
    """Cores that the CPUs belong to. A CPU whose siblings are unknown counts as a core."""
    return len({_siblings(cpu, sys) or str(cpu) for cpu in cpus})


def cpu_quota(sys: Path = SYS, proc: Path = PROC) -> float | None:
    """CPUs' worth of time that the strictest cgroup above this process allows; None without a limit."""
    quotas = [quota for folder in _cgroup_folders(sys, proc) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def _siblings(cpu: int, sys: Path) -> str:
    topology = sys / "devices/system/cpu" / f"cpu{cpu}" / "topology"
    return _read(topology / "core_cpus_list") or _read(topology / "thread_siblings_list")  # the latter before Linux 5.3


def _cgroup_folders(sys: Path, proc: Path) -> Iterator[Path]:
    """Folders of the groups this process is in, inner first.

    A container may see the host's path and only its own group's files, then at the root of the mount.
    """
    for line in _read(proc / "self/cgroup").splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" and not controllers:
            mounts = [sys / "fs/cgroup", sys / "fs/cgroup/unified"]
        elif "cpu" in controllers.split(","):
            mounts = [sys / "fs/cgroup" / name for name in (controllers, "cpu")]
        else:
            continue
        for mount in mounts:
            inner = mount / path.lstrip("/")
            yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(mount))


def _quota_of(folder: Path) -> float | None:
    """One group's own limit in CPUs. Version 2: "max 100000" or "150000 100000"; version 1: -1 or µs, in two files."""
    v2 = _read(folder / "cpu.max").split()
    quota, period = v2 if len(v2) == 2 else (_read(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
    try:
        limit = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", no such file, or nothing we know
        return None
    return limit if limit > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
