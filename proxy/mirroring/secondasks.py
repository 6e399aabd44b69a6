"""Second asks of legacy beyond `noise_sample` on one route: while they settle something, and within bounds.

An acknowledgement of the comparer that calls the route unsettled grants a few; one that does not, the end of the
connection, a batch that was refused and another table take back what is left of them. So whatever becomes of the
comparer or of its answers, legacy is soon asked by `noise_sample` alone again.

| bound | of asks beyond `noise_sample` |
| --- | --- |
| `noise_sample_max` of the route | share of the mirrored safe requests; the request id decides |
| the comparer's word | no route is unsettled after 1,000 requests that were asked twice (`shadow.noise.route`) |
| `GRANTED` | after one acknowledgement |
| `PER_S` | a second, by one worker, over all its routes |
| `SPENT_MAX` | by one worker on one route, as long as its `shadow` is not changed |
| `PAUSE_S` | none for so long after a second ask of the route that went wrong: legacy has enough to do |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shadow.exchange import COMPLETE, FAILED, TIMED_OUT

if TYPE_CHECKING:
    from proxy.mirroring.bucket import Bucket
    from proxy.mirroring.capture import Capture

GRANTED: Final = 32
PER_S: Final = 50.0
SPENT_MAX: Final = 1_000
PAUSE_S: Final = 60.0
#: By these a service says that it has too much to do, or whoever stands before it that it does not answer.
_OVERLOADED: Final = frozenset((429, 502, 503, 504))


class SecondAsks:
    """The asks beyond `noise_sample` of one route.

    Attributes:
        left: of those that were granted.
        spent: since the route's `shadow` is as it is.
    """

    __slots__ = ("_paused_until_s", "left", "spent")

    def __init__(self) -> None:
        self.left = 0
        self.spent = 0
        self._paused_until_s = 0.0

    def grant(self, now_s: float) -> None:
        """The comparer calls the route unsettled."""
        self.left = min(GRANTED, SPENT_MAX - self.spent) if now_s >= self._paused_until_s else 0

    def withdraw(self) -> None:
        """It does not, or nobody knows."""
        self.left = 0

    def begin_anew(self) -> None:
        """The route's `shadow` is another one."""
        self.left = self.spent = 0

    def take(self, bucket: Bucket, now_s: float) -> bool:
        """Whether one more may be made now; it counts as made.

        Args:
            bucket: of the worker, for all its routes.
            now_s: monotonic.
        """
        if not self.left or not bucket.take(PER_S, now_s):
            return False
        self.left -= 1
        self.spent += 1
        return True

    def on_answer(self, capture: Capture, now_s: float) -> None:
        """What a second ask came to, whether the sample or the comparer wanted it."""
        response = capture.response
        overloaded = capture.outcome == COMPLETE and response is not None and response.status in _OVERLOADED
        if overloaded or capture.outcome in {FAILED, TIMED_OUT}:
            self.pause(now_s)

    def pause(self, now_s: float) -> None:
        """Legacy has trouble: leave it alone for a while."""
        self.left = 0
        self._paused_until_s = now_s + PAUSE_S
