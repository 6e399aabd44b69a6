"""Signals of the supervisor's processes: a new one gets none before it can handle them, and then only its own.

A Ctrl-C or `kill` to the whole group reaches every process of it. The supervisor coordinates what that means, so the
others ignore all but SIGTERM. Until that is so the signals stay blocked in a new process: none can catch it half made.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Final

#: Signals that the supervisor coordinates.
COORDINATED_SIGNALS: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


@contextlib.contextmanager
def blocked_signals() -> Iterator[None]:
    """Block the coordinated signals while a process is made; they stay blocked in that process."""
    signal.pthread_sigmask(signal.SIG_BLOCK, COORDINATED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, COORDINATED_SIGNALS)


def unblock_signals() -> None:
    """In the new process, once its handlers are set: let the signals through."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, COORDINATED_SIGNALS)


def heed_signals(end: Callable[[], object]) -> None:
    """In a new process of the supervisor: SIGTERM calls `end` on the running loop, the others are let pass by."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    for ignored in COORDINATED_SIGNALS:
        signal.signal(ignored, signal.SIG_IGN)
    unblock_signals()
