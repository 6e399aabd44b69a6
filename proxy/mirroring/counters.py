"""What became of the mirrored requests of one arm of one route.

At any moment `sent = compared + shed + lost + under_way`: each of the methods that end a mirrored request moves it from
`under_way` to exactly one of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

# Why a mirrored request was shed before there was anything to compare.
RATE: Final = "rate"  # rate_max
CONCURRENCY: Final = "concurrency"  # concurrency_max, or no connection free
MEMORY: Final = "memory"  # captured bodies of this worker take all the memory they may
QUEUE: Final = "queue"  # the comparer is behind
COMPARER_DOWN: Final = "comparer_down"  # the queue is full since the comparer does not answer
BREAKER: Final = "breaker"  # the mirrored service fails too often to be asked
DESCRIPTORS: Final = "descriptors"  # the proxy has no file descriptor left
INCOMPLETE: Final = "incomplete"  # the client left, or broke off its request, before it had its answer
DRAINING: Final = "draining"  # the worker stops
SHED_REASONS: Final = (*(RATE, CONCURRENCY, MEMORY, QUEUE, COMPARER_DOWN, BREAKER, DESCRIPTORS, INCOMPLETE, DRAINING),)

# Why an exchange that was complete never became a comparison; nacks of the comparer bring `store` and `malformed`.
POISON: Final = "poison"  # the comparer died of it, twice
DEFECT: Final = "defect"  # of the proxy; its log tells more
STOPPED: Final = "stopped"  # the worker stopped before the comparer took it


class MirrorCounters:
    """Plain numbers that the mirror bumps and `snapshot` reads.

    Attributes:
        route: name of the route.
        arm: the arm that gets copies.
        sent: requests that were chosen to be mirrored.
        under_way: of them, those with no end yet.
        compared: of them, those that the comparer acknowledged.
        shed: of them, those that were given up, by reason.
        lost: of them, those that were complete and never compared, by reason.
        answers: what the copies came to, by outcome (`shadow.exchange.OUTCOMES`).
        again: requests that legacy was asked a second time for.
        again_extra: of them, those beyond `noise_sample`, which the comparer wanted.
        verdicts: what the comparer made of those compared.
    """

    __slots__ = (
        *("again", "again_extra", "answers", "arm", "compared", "lost", "route", "sent", "shed", "under_way"),
        "verdicts",
    )

    def __init__(self, route: str, arm: str) -> None:
        self.route = route
        self.arm = arm
        self.sent = 0
        self.under_way = 0
        self.compared = 0
        self.shed: dict[str, int] = {}
        self.lost: dict[str, int] = {}
        self.answers: dict[str, int] = {}
        self.again = 0
        self.again_extra = 0
        self.verdicts: dict[str, int] = {}

    def begin(self) -> None:
        """A request was chosen to be mirrored."""
        self.sent += 1
        self.under_way += 1

    def give_up(self, reason: str) -> None:
        """It is shed."""
        self.under_way -= 1
        self.shed[reason] = self.shed.get(reason, 0) + 1

    def lose(self, reason: str) -> None:
        """It was complete, and is lost on its way to the comparer."""
        self.under_way -= 1
        self.lost[reason] = self.lost.get(reason, 0) + 1

    def compare(self) -> None:
        """It is compared, and what came of it is stored."""
        self.under_way -= 1
        self.compared += 1

    def answer(self, outcome: str) -> None:
        """What the copy came to."""
        self.answers[outcome] = self.answers.get(outcome, 0) + 1

    def conclude(self, verdicts: Mapping[str, int]) -> None:
        """What the comparer made of a batch."""
        for verdict, count in verdicts.items():
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + count

    def ask_again(self, *, extra: bool) -> None:
        """Legacy is asked a second time; `extra` where the sample alone would not have asked."""
        self.again += 1
        self.again_extra += extra

    def snapshot(self) -> dict[str, Any] | None:
        """The numbers as JSON; None while there are none."""
        if not self.sent:
            return None
        return {
            "route": self.route,
            "arm": self.arm,
            "sent": self.sent,
            "under_way": self.under_way,
            "compared": self.compared,
            "shed": dict(self.shed),
            "lost": dict(self.lost),
            "answers": dict(self.answers),
            "again": self.again,
            "again_extra": self.again_extra,
            "verdicts": dict(self.verdicts),
        }
