"""What the operating system knows of another process, read from /proc so that a worker need not look at itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
#: Where utime and stime stand in /proc/PID/stat, counted behind the name in parentheses.
_UTIME, _STIME = 11, 12


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What one process uses.

    Attributes:
        resident_bytes: memory in RAM.
        cpu_s: processor time since its start, user and system.
        open_files: descriptors.
    """

    resident_bytes: int
    cpu_s: float
    open_files: int


def read_use(pid: int) -> ProcessUse | None:
    """The use of a process; None where it is gone or the system has no /proc."""
    folder = Path("/proc") / str(pid)
    try:
        resident = int((folder / "statm").read_text().split()[1]) * _PAGE_BYTES
        times = (folder / "stat").read_text().rpartition(")")[2].split()
        open_files = len(os.listdir(folder / "fd"))  # noqa: PTH208 - names only, and there may be thousands
    except (OSError, IndexError, ValueError):
        return None
    return ProcessUse(resident, (int(times[_UTIME]) + int(times[_STIME])) / _TICKS_PER_S, open_files)
