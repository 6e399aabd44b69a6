"""Work for mirrors, in pieces that each take some ten microseconds, done when no client waits for anything.

```
add ──► queue ──► no request of a client is under way: one piece, then a look at the sockets, then the next
             └──► it waited for OVERDUE_S: one piece in a turn of the loop whoever waits
                  └──► that falls behind: two, four, … up to PIECES_MAX in a turn
```
Nothing can take a piece back from the loop once it runs. So what a client waits at worst, as long as there is time
enough, is the rest of one piece (a queue with two priorities, without preemption). Looking at the sockets costs about a
microsecond. Where the loop is never without a client, pieces are done in each turn all the same, and where it has no
time to spare they share turns as equals: copies are late then, and what bounds them sheds.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

#: What has waited so long, or up to twice as long, waits no longer for a quiet moment.
OVERDUE_S: Final = 0.005
#: Most pieces in one turn of the loop.
PIECES_MAX: Final = 32

log = structlog.get_logger()


class Quiet:
    """The pieces that wait, in order. Who adds them bounds them.

    Args:
        loop: that serves the clients.
        busy: whether a request of a client is under way.
    """

    __slots__ = (
        "_added",
        "_busy",
        "_done",
        "_loop",
        "_overdue",
        "_pieces",
        "_queue",
        "_scheduled",
        "_seen",
        "_ticking",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, busy: Callable[[], bool]) -> None:
        self._loop = loop
        self._busy = busy
        self._queue: deque[Callable[[], None]] = deque()
        self._scheduled = False
        self._ticking = False
        self._pieces = 1
        self._added = 0  # since the start, as the three that follow
        self._done = 0
        self._seen = 0  # those added before the last tick
        self._overdue = 0  # those added before the last tick but one

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, piece: Callable[[], None]) -> None:
        """Do this in a quiet moment, after what was added before."""
        self._queue.append(piece)
        self._added += 1
        if not self._ticking:
            self._ticking = True
            self._seen = self._added - 1
            self._loop.call_later(OVERDUE_S, self._tick)
        if not self._scheduled and not self._busy():
            self._wake()

    def finish(self) -> None:
        """Do everything now."""
        while self._queue:
            self._do()

    def _wake(self) -> None:
        self._scheduled = True
        # Callbacks come before the sockets in a turn of the loop: the first one only lets these be looked at.
        self._loop.call_soon(self._loop.call_soon, self._turn)

    def _turn(self) -> None:
        queue = self._queue
        if self._done < self._overdue:
            pieces = min(self._pieces, len(queue))
        elif queue and not self._busy():
            pieces = 1
        else:
            self._scheduled = False
            return
        for _ in range(pieces):
            self._do()
        self._loop.call_soon(self._turn)

    def _do(self) -> None:
        self._done += 1
        try:
            self._queue.popleft()()
        except Exception:
            log.exception("mirror.work.failed")

    def _tick(self) -> None:
        """Let time pass: no piece has a clock of its own."""
        if not self._queue:
            self._ticking = False
            self._pieces = 1
            return
        if self._done < self._overdue:
            self._pieces = min(2 * self._pieces, PIECES_MAX)
        elif self._pieces > 1:
            self._pieces //= 2
        self._overdue = self._seen
        self._seen = self._added
        self._loop.call_later(OVERDUE_S, self._tick)
        if self._done < self._overdue and not self._scheduled:
            self._wake()
