"""Where two lists of hashes differ: checksums of ranges first, one by one only where a range is small or differs.

The cost is one aggregate over all rows on each side, computed in the stores, plus `fan_out` aggregates for each level
and place that differs. SUM and count, not XOR: two equal rows too many would cancel each other out in an XOR.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeVar

from legacy_adapters.connector import Audit, Listed
from legacy_adapters.record import Key

#: A range of at most so many keys is listed instead of cut further.
LEAF_ROWS_MAX: Final = 2_000
#: Into how many parts a range that differs is cut.
FAN_OUT: Final = 16
#: Keys that differ, beyond which a comparison gives up: the stores are not a little out of step, they are different.
MISMATCHES_MAX: Final = 100_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """The keys `after < key <= until`; None is open."""

    after: Key | None = None
    until: Key | None = None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One key whose two hashes differ.

    Attributes:
        key: which.
        found: hash of the row, None where there is none.
        expected: hash in the ledger, None where there is none.
    """

    key: Key
    found: int | None
    expected: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a comparison is.

    Attributes:
        rows: that are known to be equal, or were listed.
        waiting: ranges that are still to be compared.
    """

    rows: int
    waiting: int


class Comparison:
    """Holds the rows of one store against a ledger, which may be in another store.

    Args:
        rows: view of the store that has the rows.
        ledger: view of the store that has the ledger.
        listed: the ledger's list, `Listed.LEDGER_SOURCE` or `Listed.LEDGER_TARGET`.
        parts: ranges to begin with.
        on_progress: called after each range.

    Attributes:
        incomplete: there are more mismatches than `MISMATCHES_MAX`, and the rest was not looked for.
        rows_compared: rows of the store that were covered.
    """

    def __init__(
        self,
        rows: Audit,
        ledger: Audit,
        listed: Listed,
        *,
        parts: int = FAN_OUT,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._rows = rows
        self._ledger = ledger
        self._listed = listed
        self._parts = parts
        self._on_progress = on_progress
        self.incomplete = False
        self.rows_compared = 0

    async def run(self) -> AsyncIterator[Mismatch]:
        """Every key that differs, range by range in key order within each level.

        Cancelling it leaves nothing behind: it only reads.
        """
        waiting = deque(await self._cut(Range(), self._parts))
        found = 0
        while waiting:
            part = waiting.popleft()
            sub_ranges, mismatches = await self._compare(part)
            waiting.extendleft(reversed(sub_ranges))
            for mismatch in mismatches:
                yield mismatch
            found += len(mismatches)
            self._on_progress(Progress(self.rows_compared, len(waiting)))
            if found > MISMATCHES_MAX:
                self.incomplete = True
                return

    async def _compare(self, part: Range) -> tuple[list[Range], list[Mismatch]]:
        """What is left to compare of a range, or the mismatches in it; neither where it is equal."""
        ours, theirs = await self._both(
            self._rows.checksum(Listed.ROWS, part.after, part.until),
            self._ledger.checksum(self._listed, part.after, part.until),
        )
        if ours == theirs:
            self.rows_compared += ours.count
            return [], []
        if max(ours.count, theirs.count) > LEAF_ROWS_MAX:
            cut = await self._cut(part, FAN_OUT, rows_lead=ours.count >= theirs.count)
            if len(cut) > 1:
                return cut, []
        return [], await self._list(part)

    async def _cut(self, part: Range, parts: int, *, rows_lead: bool = True) -> list[Range]:
        """The range in parts of about equal size by the longer list; the range itself where it cannot be cut."""
        view, listed = (self._rows, Listed.ROWS) if rows_lead else (self._ledger, self._listed)
        bounds = await view.bounds(listed, part.after, part.until, parts)
        edges = [part.after, *bounds, part.until]
        return [Range(after, until) for after, until in pairwise(edges)]

    async def _list(self, part: Range) -> list[Mismatch]:
        found, expected = await self._both(
            self._rows.hashes(Listed.ROWS, part.after, part.until),
            self._ledger.hashes(self._listed, part.after, part.until),
        )
        self.rows_compared += len(found)
        keys = [*found, *(key for key in expected if key not in found)]
        return [Mismatch(key, found.get(key), expected.get(key)) for key in keys if found.get(key) != expected.get(key)]

    async def _both(self, ours: Coroutine[None, None, T], theirs: Coroutine[None, None, T]) -> tuple[T, T]:
        """Both answers; asked at the same time where they come from two stores, since one view is one connection."""
        if self._rows is self._ledger:
            return await ours, await theirs
        try:
            async with asyncio.TaskGroup() as group:
                tasks = group.create_task(ours), group.create_task(theirs)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None  # a store that goes away is told as itself, not as a group
        return tasks[0].result(), tasks[1].result()
