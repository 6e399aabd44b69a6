"""Who runs first on a shared core: the load generator before everybody, what only copies need after everybody.

On few cores the load generator, the clients' upstream and whoever answers the copies share one. There a second request
costs the first one time whatever the proxy does, which it would not where the new system has a machine of its own. So
what only copies need gives way at once (SCHED_IDLE), and the generator keeps its moments (SCHED_FIFO), where the system
permits that: the column `ahead` has 1 then.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.process import Program

#: The lowest real-time priority is above every ordinary process.
REAL_TIME = 1
NICE = -10


def hurry() -> bool:
    """Put this process before all others of its core; whether that is permitted. Else a nicer `nice` has to do."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REAL_TIME))
        return True
    with contextlib.suppress(PermissionError):
        os.nice(NICE)
    return False


def give_way() -> bool:
    """Let this process run only when nobody else wants its core; it is before nobody."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    return False


def stay() -> bool:
    """Leave this process as it is."""
    return False


PRIORITIES: Final[dict[str, Callable[[], bool]]] = {"first": hurry, "ordinary": stay, "last": give_way}


@contextmanager
def yielding(programs: Iterable[Program]) -> Iterator[None]:
    """Run the block with these programs, all their processes and threads, only when nobody else wants their core."""
    threads = [thread for program in programs for process in program.tree() for thread in _threads(process.pid)]
    _schedule(threads, os.SCHED_IDLE)
    try:
        yield
    finally:
        _schedule(threads, os.SCHED_OTHER)


def _threads(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return []


def _schedule(threads: Iterable[int], policy: int) -> None:
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):
            os.sched_setscheduler(thread, policy, os.sched_param(0))
