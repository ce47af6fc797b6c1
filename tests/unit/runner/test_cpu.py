"""Thread counts from fake kernel file systems."""

import os
from pathlib import Path

import pytest

from pyollama.runner.cpu import cpu_quota, machine_threads, physical_cores, thread_counts, usable_cpus


class Machine:
    """Fake /sys and /proc under a folder."""

    def __init__(self, root: Path) -> None:
        self.sys, self.proc = root / "sys", root / "proc"

    def write(self, path: str, text: str) -> None:
        file = self.sys.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")

    def cores(self, *siblings: str, name: str = "core_cpus_list") -> None:
        for cpu, text in enumerate(siblings):
            self.write(f"sys/devices/system/cpu/cpu{cpu}/topology/{name}", text)

    def threads(self, cpus: set[int]) -> tuple[int, int]:
        return thread_counts(sys=self.sys, proc=self.proc, cpus=cpus)

    def quota(self) -> float | None:
        return cpu_quota(self.sys, self.proc)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_two_threads_of_a_core_count_once(machine: Machine) -> None:
    machine.cores("0,2", "1,3", "0,2", "1,3")
    assert machine.threads({0, 1, 2, 3}) == (2, 2)


def test_the_older_name_of_the_sibling_list_is_read(machine: Machine) -> None:
    machine.cores("0-1", "0-1", "2-3", "2-3", name="thread_siblings_list")
    assert machine.threads({0, 1, 2, 3}) == (2, 2)


def test_only_cores_in_the_affinity_mask_count(machine: Machine) -> None:
    machine.cores("0,2", "1,3", "0,2", "1,3")
    assert machine.threads({0, 2}) == (1, 1)
    assert machine.threads({0, 1}) == (2, 2)


def test_cpus_of_unknown_topology_count_as_cores(machine: Machine) -> None:
    assert physical_cores({0, 1, 5}, machine.sys) == 3


@pytest.mark.parametrize(
    ("limit", "threads"), [("max 100000", 4), ("200000 100000", 2), ("250000 100000", 2), ("50000 100000", 1)]
)
def test_a_version_2_quota_limits_the_threads(machine: Machine, limit: str, threads: int) -> None:
    machine.write("proc/self/cgroup", "0::/app.slice")
    machine.write("sys/fs/cgroup/app.slice/cpu.max", limit)
    assert machine.threads({0, 1, 2, 3}) == (threads, threads)


def test_the_strictest_group_above_the_process_counts(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/outer/inner")
    machine.write("sys/fs/cgroup/outer/cpu.max", "150000 100000")
    machine.write("sys/fs/cgroup/outer/inner/cpu.max", "400000 100000")
    assert machine.quota() == 1.5


def test_a_container_that_sees_the_hosts_path_finds_its_quota_at_the_root(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/docker/4f2a")
    machine.write("sys/fs/cgroup/cpu.max", "300000 100000")
    assert machine.quota() == 3


@pytest.mark.parametrize(
    ("controllers", "mount"), [("cpu,cpuacct", "cpu,cpuacct"), ("cpuacct,cpu", "cpu"), ("cpu", "cpu")]
)
def test_a_version_1_quota_is_found_under_its_mount(machine: Machine, controllers: str, mount: str) -> None:
    machine.write("proc/self/cgroup", f"5:memory:/box\n4:{controllers}:/box\n1:cpuacct:/\n3:cpuset:/")
    machine.write(f"sys/fs/cgroup/{mount}/box/cpu.cfs_quota_us", "200000")
    machine.write(f"sys/fs/cgroup/{mount}/box/cpu.cfs_period_us", "50000")
    assert machine.quota() == 4


def test_version_1_says_minus_one_for_no_limit(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "4:cpu:/")
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1")
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert machine.quota() is None


def test_the_version_2_tree_of_a_mixed_machine_is_read(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "4:cpuset:/\n0::/a")
    machine.write("sys/fs/cgroup/unified/a/cpu.max", "100000 100000")
    assert machine.quota() == 1


@pytest.mark.parametrize("text", ["", "garbage", "1 2 3", "100000 0", "x y"])
def test_a_quota_that_makes_no_sense_is_no_limit(machine: Machine, text: str) -> None:
    machine.write("proc/self/cgroup", "0::/\n\nno colons")
    machine.write("sys/fs/cgroup/cpu.max", text)
    assert machine.quota() is None


def test_no_cgroups_and_no_cpus_still_give_a_thread(machine: Machine) -> None:
    assert machine.threads(set()) == (1, 1)


def test_this_machine_has_no_more_threads_than_cpus() -> None:
    decode, batch = thread_counts()
    assert 1 <= decode <= len(usable_cpus())
    assert 1 <= batch <= len(usable_cpus())


def test_this_machine_has_threads_and_no_more_than_processors() -> None:
    """C5"""
    automatic, most = machine_threads()
    assert 1 <= automatic <= most <= (os.cpu_count() or 1)
