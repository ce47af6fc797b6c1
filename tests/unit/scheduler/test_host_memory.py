import math
import os
from pathlib import Path

import pytest

from pyollama.scheduler.host_memory import anonymous_bytes, available_bytes

MIB = 1 << 20


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, {"proc/meminfo": f"MemTotal: 999999999 kB\nMemAvailable: {1000 * 1024} kB\n"})
    return tmp_path


def test_without_groups_the_system_decides(root: Path) -> None:
    assert available_bytes(root) == 1000 * MIB


def test_where_nothing_is_known_nothing_is_limited(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) == math.inf


def test_a_v2_limit_counts_file_pages_as_free(root: Path) -> None:
    write(
        root,
        {
            "proc/self/cgroup": "0::/service\n",
            "sys/fs/cgroup/service/memory.max": f"{500 * MIB}\n",
            "sys/fs/cgroup/service/memory.current": f"{300 * MIB}\n",
            "sys/fs/cgroup/service/memory.stat": f"anon 5\nactive_file {40 * MIB}\ninactive_file {60 * MIB}\n",
        },
    )
    assert available_bytes(root) == 300 * MIB


def test_the_tightest_group_on_the_way_up_counts(root: Path) -> None:
    write(
        root,
        {
            "proc/self/cgroup": "0::/slice/service\n",
            "sys/fs/cgroup/slice/service/memory.max": "max\n",
            "sys/fs/cgroup/slice/service/memory.current": "1\n",
            "sys/fs/cgroup/slice/memory.max": f"{100 * MIB}\n",
            "sys/fs/cgroup/slice/memory.current": f"{30 * MIB}\n",
        },
    )
    assert available_bytes(root) == 70 * MIB


def test_a_v1_limit_is_seen_from_inside_a_container(root: Path) -> None:
    write(
        root,
        {
            "proc/self/cgroup": "9:name=systemd:/x\n4:memory:/docker/0123\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{400 * MIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{100 * MIB}\n",
            "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {10 * MIB}\ntotal_active_file 0\n",
        },
    )
    assert available_bytes(root) == 310 * MIB


def test_the_largest_v1_number_is_no_limit(root: Path) -> None:
    write(
        root,
        {
            "proc/self/cgroup": "4:memory:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "5\n",
        },
    )
    assert available_bytes(root) == 1000 * MIB


def test_use_beyond_the_limit_leaves_nothing(root: Path) -> None:
    write(
        root,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": "100\n",
            "sys/fs/cgroup/memory.current": "200\n",
        },
    )
    assert available_bytes(root) == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs procfs")
def test_this_machine_has_memory_and_this_process_holds_some() -> None:
    assert available_bytes() > 0
    assert anonymous_bytes(os.getpid()) > 1 * MIB


def test_a_process_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    assert anonymous_bytes(1, tmp_path) == 0
