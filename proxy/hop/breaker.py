"""The breaker of one endpoint: stops asking an endpoint that fails too often, and finds out when it is well again.

    closed     requests pass; results are counted over a sliding window
    open       no request passes, for `open_for_s`
    half_open  one request passes as a trial; its result decides

The moves between them:

    from       on                                                          to
    closed     failures are at least `errors_share` of at least            open
               `requests_min` requests in the window
    open       `open_for_s` is over and someone asks                       half_open
    half_open  a result that is good                                       closed, with an empty window
    half_open  a result that is bad                                        open
    half_open  no result for `open_for_s` (the trial was lost)             half_open, with a new trial

There are no timers: time passes when somebody asks. The window is ten slots, so that recording is O(1) and the window
slides by a tenth of its length.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal

BreakerState = Literal["closed", "open", "half_open"]

_SLOTS: Final = 10


class Breaker:
    """Counts the results of one endpoint and says whether it may be asked.

    Args:
        errors_share: share of failed requests in the window at which it opens, 0.0 to 1.0.
        window_s: length of the window.
        requests_min: fewer requests than this in the window never open it.
        open_for_s: how long it stays open, and how long it waits for the result of a trial.
        clock: monotonic seconds.
    """

    __slots__ = (
        "_clock",
        "_errors_share",
        "_failures",
        "_failures_total",
        "_open_for_s",
        "_requests",
        "_requests_min",
        "_requests_total",
        "_slot",
        "_slot_s",
        "_until",
        "state",
    )

    def __init__(
        self,
        errors_share: float,
        window_s: float,
        requests_min: int,
        open_for_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._errors_share = errors_share
        self._slot_s = window_s / _SLOTS
        self._requests_min = requests_min
        self._open_for_s = open_for_s
        self._clock = clock
        #: What was last decided. It reads `open` until someone asks after the time is over.
        self.state: BreakerState = "closed"
        #: Open: when a trial may start. Half open: when the trial under way counts as lost.
        self._until = 0.0
        self._slot = 0
        self._requests = [0] * _SLOTS
        self._failures = [0] * _SLOTS
        self._requests_total = 0
        self._failures_total = 0

    @property
    def ready(self) -> bool:
        """Whether `allows` would say yes now. Looks only: it takes no trial."""
        return self.state == "closed" or self._clock() >= self._until

    def allows(self) -> bool:
        """Whether a request may be sent now. A yes that is not from a closed breaker takes the one trial.

        The caller sends the request and records its result; where it cannot, the trial is given up after `open_for_s`.
        """
        if self.state == "closed":
            return True
        now = self._clock()
        if now < self._until:
            return False
        self.state = "half_open"
        self._until = now + self._open_for_s
        return True

    def record(self, ok: bool) -> None:  # noqa: FBT001 - the only argument, on the request path
        """Counts one result.

        Results that arrive while it is open are of requests sent before it opened: they are not counted. In half_open
        the first result decides, whether it is the trial's or a late one: both tell how the endpoint is.
        """
        state = self.state
        if state == "closed":
            self._count(ok)
        elif state == "half_open":
            if ok:
                self._close()
            else:
                self._open()

    def _count(self, ok: bool) -> None:  # noqa: FBT001 - as `record`
        slot = int(self._clock() / self._slot_s)
        if slot != self._slot:
            self._slide(slot)
        index = slot % _SLOTS
        self._requests[index] += 1
        self._requests_total += 1
        if ok:
            return
        self._failures[index] += 1
        self._failures_total += 1
        if (
            self._requests_total >= self._requests_min
            and self._failures_total >= self._errors_share * self._requests_total
        ):
            self._open()

    def _slide(self, slot: int) -> None:
        """Forgets the slots that have left the window. Each slot is emptied once per turn: O(1) on average."""
        for passed in range(max(self._slot + 1, slot - _SLOTS + 1), slot + 1):
            index = passed % _SLOTS
            self._requests_total -= self._requests[index]
            self._failures_total -= self._failures[index]
            self._requests[index] = self._failures[index] = 0
        self._slot = slot

    def _open(self) -> None:
        self.state = "open"
        self._until = self._clock() + self._open_for_s

    def _close(self) -> None:
        self.state = "closed"
        self._slot = int(self._clock() / self._slot_s)
        self._requests = [0] * _SLOTS
        self._failures = [0] * _SLOTS
        self._requests_total = self._failures_total = 0
