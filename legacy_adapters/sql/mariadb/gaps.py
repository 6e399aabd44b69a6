"""Numbers of an outbox that were drawn and are not there: on their way, or never to come.

InnoDB gives numbers in the order in which they are asked for, and rows become visible when their transaction commits: a
row may appear below others that were read already. MariaDB has no snapshot to export, so the reader remembers the
numbers that it did not see. A gap is filled when its row appears. It is dead once every transaction that was open when
the gap was seen has ended: whoever drew the number was among them, since it had written a row by then. A clock decides
nothing.

Two moments must be right. The transactions that are open are listed after the snapshot in which the gap was seen, so
that none is missed; and a gap is given up only in a snapshot that began after the listing in which the last of them was
gone, so that a commit in between is seen first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from legacy_adapters.errors import CaptureError

#: Ranges of numbers that are missing at a time. Each is one that somebody has open, or rolled back a moment ago.
GAPS_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive numbers that were not visible.

    Attributes:
        first, last: the numbers, both included.
        waits_for: transactions of which one may have drawn them; None while they were not listed since.
    """

    first: int
    last: int
    waits_for: frozenset[int] | None = None

    @property
    def dead(self) -> bool:
        """Whether every transaction that could fill it has ended, by the last listing."""
        return self.waits_for is not None and not self.waits_for

    def without(self, seen: Iterable[int]) -> list[Gap]:
        """What is left of it once these numbers, in order, are there."""
        left, first = [], self.first
        for number in seen:
            if number > first:
                left.append(Gap(first, number - 1, self.waits_for))
            first = number + 1
        return [*left, Gap(first, self.last, self.waits_for)] if first <= self.last else left

    def listed(self, open_now: frozenset[int]) -> Gap:
        """The same after a listing of open transactions, taken later than the snapshot in which it was still a gap."""
        waits_for = open_now if self.waits_for is None else self.waits_for & open_now
        return Gap(self.first, self.last, waits_for)


def between(after: int, seen: Sequence[int]) -> list[Gap]:
    """The gaps between `after` and the numbers that were seen, which are in order."""
    gaps = []
    for number in seen:
        if number > after + 1:
            gaps.append(Gap(after + 1, number - 1))
        after = number
    return gaps


def settle(gaps: Sequence[Gap], seen: Sequence[int], until: int | None) -> list[Gap]:
    """The gaps after a snapshot in which these of their numbers were seen.

    Args:
        gaps: as the last read left them.
        seen: numbers within them that are there now, in order.
        until: the last number that was looked for, where there was more than one read takes; None is all of them.
    """
    left: list[Gap] = []
    at = 0
    for gap in gaps:
        looked = until is None or gap.last <= until
        start = at
        while at < len(seen) and seen[at] <= gap.last:
            at += 1
        if looked and gap.dead:
            continue
        left.extend(gap.without(seen[start:at]))
    return left


def dump(gaps: Sequence[Gap]) -> list[list[Any]]:
    """For a cursor.

    Raises:
        CaptureError: there are more than can be remembered.
    """
    if len(gaps) > GAPS_MAX:
        raise CaptureError(
            f"more than {GAPS_MAX} ranges of the outbox's numbers are missing and cannot be told dead. Either the user "
            "of this sync lacks the PROCESS privilege (GRANT PROCESS ON *.* TO …), or a transaction never ends"
        )
    return [[gap.first, gap.last, None if gap.waits_for is None else sorted(gap.waits_for)] for gap in gaps]


def load(dumped: Sequence[Sequence[Any]]) -> list[Gap]:
    """From a cursor."""
    return [Gap(first, last, None if ids is None else frozenset(ids)) for first, last, ids in dumped]
