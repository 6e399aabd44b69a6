"""What a process tree has used: CPU time, and memory at its peak."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.process import Program

KIB = 1024


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU time in seconds. The sum is exact to a clock tick; the kernel estimates the split from samples."""

    user_s: float
    system_s: float

    @property
    def total_s(self) -> float:
        """Both parts."""
        return self.user_s + self.system_s

    def __sub__(self, before: CpuTime) -> CpuTime:
        return CpuTime(self.user_s - before.user_s, self.system_s - before.system_s)


def cpu_time(program: Program) -> CpuTime:
    """Time of the whole tree so far; of children that have ended, too, once they are reaped."""
    user_s = system_s = 0.0
    for process in program.tree():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            user_s += times.user + times.children_user
            system_s += times.system + times.children_system
    return CpuTime(user_s, system_s)


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of each process of a tree, in bytes by pid."""

    by_pid: dict[int, int]

    def growth_since(self, before: Memory) -> int:
        """The growth of the process that grew most: the one that serves. The others only add noise."""
        return max((size - before.by_pid.get(pid, 0) for pid, size in self.by_pid.items()), default=0)


def resident(program: Program) -> Memory:
    """Resident memory now."""
    return Memory({process.pid: _status_bytes(process.pid, "VmRSS") for process in program.tree()})


def resident_peak(program: Program) -> Memory:
    """The highest resident memory since `forget_peak`, kept by the kernel: no spike falls between two samples."""
    return Memory({process.pid: _status_bytes(process.pid, "VmHWM") for process in program.tree()})


def forget_peak(program: Program) -> None:
    """Start the kernel's record of the highest resident memory anew (proc(5), clear_refs, value 5)."""
    for process in program.tree():
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _status_bytes(pid: int, field: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return int(value.split()[0]) * KIB
    return 0
