"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.errors import MissingError
from benchmarks.peers import ENTRANTS
from benchmarks.peers.base import first_line
from benchmarks.process import find_program
from benchmarks.wrk import HINT


def machine() -> dict[str, Any]:
    """Processor, memory, kernel and how busy the machine was at the start."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions(names: Sequence[str]) -> dict[str, str]:
    """The version of each entrant's program that is installed, and of wrk."""
    found = {"wrk": " ".join(first_line([find_program("wrk", HINT), "-v"]).split()[:2])}
    for name in names:
        try:
            found[name] = ENTRANTS[name].version()
        except MissingError as error:
            found[name] = str(error)
    return found


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
