"""Waiting for a condition from a thread: the one place that sleeps, for tests that are not coroutines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def poll(condition: Callable[[], T], otherwise: str, timeout_s: float = 10, every_s: float = 0.01) -> T:
    """The first true value of `condition`; fails with `otherwise` after the deadline."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{otherwise} (waited {timeout_s} s)")
        time.sleep(every_s)
    return value
