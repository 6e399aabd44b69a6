"""Waiting for something to become true, with a deadline: the only way in which tests wait."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

#: Between two looks at the condition.
POLL_S = 0.002


async def eventually(condition: Callable[[], object | Awaitable[object]], deadline_s: float = 5.0) -> None:
    """Return as soon as `condition()` is true; it may be a coroutine function.

    Raises:
        AssertionError: it was not true in `deadline_s` seconds.
    """
    end = time.monotonic() + deadline_s
    while True:
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return
        if time.monotonic() > end:
            raise AssertionError(f"not true within {deadline_s} s: {_source(condition)}")
        await asyncio.sleep(POLL_S)


async def turns(count: int = 3) -> None:
    """Let the event loop run `count` times, so that what has arrived on sockets of this process has been read."""
    for _ in range(count):
        await asyncio.sleep(0)


async def quiet(probe: Callable[[], object], turns_still: int = 15, deadline_s: float = 10.0) -> None:
    """Return once `probe()` has given the same value for that many turns of the loop: nothing is under way any more.

    That holds where both ends of every connection, and the proxy between them, are on this loop: what one has written
    the next turn reads.
    """
    end = time.monotonic() + deadline_s
    still, last = 0, probe()
    while still < turns_still:
        await asyncio.sleep(0)
        now = probe()
        still = still + 1 if now == last else 0
        last = now
        assert time.monotonic() < end, f"not quiet within {deadline_s} s: {last}"


def _source(condition: Callable[[], object]) -> str:
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
