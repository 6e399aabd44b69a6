"""The tasks that a process of the supervisor consists of: all of them run, or the process ends.

A part that is broken is worse than none: what is left would look alive and not work. The supervisor starts another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Parts:
    """Tasks that are started together and end together.

    Args:
        broken: called with the error of a part that ended by one; it should end the process.
    """

    def __init__(self, broken: Callable[[BaseException], None]) -> None:
        self._broken = broken
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin one; it may end by itself, but not by an error."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    async def end(self) -> None:
        """Cancel them and wait until they are gone. Cancelled itself, it cancels them once more and does not wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._broken(error)
