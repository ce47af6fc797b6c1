"""How much memory this process and its children may still use: the system's and the control group's answer.

Sources: proc(5) MemAvailable and RssAnon; the kernel's cgroup-v1/memory and cgroup-v2 documents.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
_V1_UNLIMITED = 1 << 60  # bytes; v1 writes the largest page-aligned 64-bit number for "no limit"


def available_bytes(root: Path = ROOT) -> float:
    """The least that any limit leaves, in bytes. File pages count as free; ``math.inf`` where nothing is known."""
    return min(_system(root), *_groups(root), math.inf)


def anonymous_bytes(pid: int, root: Path = ROOT) -> int:
    """Memory that a process holds and that the system cannot take back, in bytes. 0 where that is unknown."""
    return _entries(root / f"proc/{pid}/status").get("RssAnon:", 0) * 1024


def _system(root: Path) -> float:
    kib = _entries(root / "proc/meminfo").get("MemAvailable:")
    return math.inf if kib is None else kib * 1024


def _groups(root: Path) -> Iterator[float]:
    """What each control group on the way up from ours leaves. A container may see only the upper part of the path."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            for base in ("sys/fs/cgroup", "sys/fs/cgroup/unified"):
                yield from (_left_v2(group) for group in _upwards(root / base, path))
        elif "memory" in controllers.split(","):
            yield from (_left_v1(group) for group in _upwards(root / "sys/fs/cgroup/memory", path))


def _upwards(base: Path, path: str) -> Iterator[Path]:
    group = base / path.lstrip("/")
    while group != base:
        yield group
        group = group.parent
    yield base


def _left_v2(group: Path) -> float:
    stat = _entries(group / "memory.stat")
    reclaimable = stat.get("active_file", 0) + stat.get("inactive_file", 0)
    return _left(_number(group / "memory.max"), _number(group / "memory.current"), reclaimable)


def _left_v1(group: Path) -> float:
    stat = _entries(group / "memory.stat")
    reclaimable = stat.get("total_active_file", 0) + stat.get("total_inactive_file", 0)
    limit = _number(group / "memory.limit_in_bytes")
    if limit is not None and limit >= _V1_UNLIMITED:
        limit = None
    return _left(limit, _number(group / "memory.usage_in_bytes"), reclaimable)


def _left(limit: int | None, used: int | None, reclaimable: int) -> float:
    if limit is None or used is None:
        return math.inf
    return max(0, limit - max(0, used - reclaimable))


def _number(path: Path) -> int | None:
    """None for a missing file and for the word ``max``."""
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _entries(path: Path) -> dict[str, int]:
    """Lines of a name and a number; others are left out."""
    rows = (line.split() for line in _text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
