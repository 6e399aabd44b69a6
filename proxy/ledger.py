"""Which route table is in force, which is on its way, and who has said what about it.

```
offer(n) ──▶ pending ── every worker acknowledged ──▶ accepted
                └────── one worker refused ─────────▶ back to the accepted one, in every worker
```
A worker that dies while a table is pending no longer counts; the one that takes its place gets both tables, in order.
"""

from __future__ import annotations

from proxy.channel import Frame


class TableLedger:
    """Pure bookkeeping of the supervisor; it sends nothing itself.

    Attributes:
        accepted: the table frame that every (re)started worker gets first.
        pending: the table frame that is being distributed, or None.
        waiting: workers that have not yet answered to the pending one.
    """

    def __init__(self, accepted: Frame) -> None:
        self.accepted = accepted
        self.pending: Frame | None = None
        self.waiting: set[int] = set()

    def offer(self, frame: Frame, workers: set[int]) -> None:
        """Take a new table that is about to be sent to these workers; it replaces one that is still pending."""
        self.pending = frame
        self.waiting = set(workers)
        self._settle()

    def join(self, worker: int) -> list[Frame]:
        """The frames that a worker which just started must get."""
        if self.pending is None:
            return [self.accepted]
        self.waiting.add(worker)
        return [self.accepted, self.pending]

    def acknowledge(self, worker: int, version: int) -> bool:
        """A worker serves this version; True when that made the pending table the accepted one."""
        if self.pending is None or version != self.pending["version"]:
            return False
        self.waiting.discard(worker)
        return self._settle()

    def leave(self, worker: int) -> bool:
        """A worker is gone; True when only its answer was missing."""
        self.waiting.discard(worker)
        return self.pending is not None and self._settle()

    def refuse(self, version: int) -> Frame | None:
        """A worker cannot use this version: the frame that every worker must get again, None for an old story."""
        if self.pending is None or version != self.pending["version"]:
            return None
        self.pending = None
        self.waiting.clear()
        return self.accepted

    def _settle(self) -> bool:
        if self.pending is None or self.waiting:
            return False
        self.accepted, self.pending = self.pending, None
        return True
