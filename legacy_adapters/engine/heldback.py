"""Rows that one direction has read and cannot write yet, since another sync's record is not there, or not gone.

A foreign key or a lookup that refuses such a row says nothing about it: each sync follows its own capture. So it is
left out of the transaction and held back here, while everything else goes on, for as long as its **kin** (parents of a
row that is written, children of one that is deleted) may still bring what it lacks. It is tried again whenever kin has
written something, and then:

| its kin | what is refused again |
| --- | --- |
| gets on | is held back, up to `PATIENCE_S`; what would be a flood, for as long as the kin gets on |
| has applied all that it had captured when the row was read | goes to quarantine, and counts as a flood: an orphan |
| is paused or stopped | the same; a pause because of that ends as soon as the kin has got there |
| is paused in its turn because of this sync, or has set rows aside itself | goes to quarantine, and is no flood |
| has not written anything for `PATIENCE_S`, and a flood is held back, or too much | the same |

What is held back is in memory alone: the checkpoint is not moved while anything is. After a kill everything since it is
read again, and what was written meanwhile is known by its positions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from legacy_adapters.change import Change
from legacy_adapters.engine.family import LACKING, Family, Wait
from legacy_adapters.engine.item import Item
from legacy_adapters.engine.lack import Lack
from legacy_adapters.engine.model import FLOOD_CHANGES_MIN, FLOOD_SHARE_MAX
from legacy_adapters.engine.tally import Tally
from legacy_adapters.record import Key

#: Seconds for which a row is held back.
PATIENCE_S: Final = 2.0
#: With so many rows of one direction held back nothing more is read; two batches that are under way may come on top.
ROWS_MAX: Final = 10_000
#: Seconds between two attempts while kin writes, and at most.
AGAIN_MIN_S: Final = 0.02
AGAIN_MAX_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Held:
    """One row.

    Attributes:
        change: as it was captured, without its row, which is read anew.
        state: hash of the row; None where it was gone.
        kin: the syncs that it waits for.
        since: monotonic time after the look that read it: what it lacks was captured by then.
        of: how many changes were read with it.
    """

    change: Change
    state: int | None
    kin: frozenset[str]
    since: float
    of: int

    def is_as(self, change: Change) -> bool:
        """Whether this is the same change, with the row as it was: another one may lack something else."""
        return change.position == self.change.position and state_of(change) == self.state


class HeldBack:
    """The rows of one direction.

    Args:
        family: all syncs of the process.
        sync: name of the sync.
        direction: `to_new` or `to_legacy`.
    """

    def __init__(self, family: Family, sync: str, direction: str) -> None:
        self._family = family
        self._sync = sync
        self._direction = direction
        self._way = sync, direction
        self._rows: dict[Key, Held] = {}
        self._relatives = family.kin(sync, direction, parents=True, children=True)
        self._heard = 0
        self._again_at, self._again_s = 0.0, AGAIN_MIN_S
        #: There is more to be read, which a table that refers to itself may lack.
        self._more = False

    def __len__(self) -> int:
        """How many there are."""
        return len(self._rows)

    @property
    def full(self) -> bool:
        """Nothing more is to be read."""
        return len(self._rows) >= ROWS_MAX

    @property
    def first_lack(self) -> Lack:
        """What becomes of a row that was just read and lacks something."""
        if self._relatives:
            return Lack.WAITS
        return Lack.FORGIVEN if self._more and self._family.own_parent(self._sync) else Lack.COUNTS

    @property
    def oldest_at(self) -> float | None:
        """Unix time in seconds at which the oldest was captured; None where that is unknown."""
        return min((one.change.captured_at for one in self._rows.values() if one.change.captured_at), default=None)

    def now(self) -> float:
        """Monotonic time, for when a look begins."""
        return self._family.clock()

    def clear(self) -> None:
        """Everything since the checkpoint is read again."""
        self._rows.clear()
        self._settled()

    # -- trying again

    def due(self) -> dict[Key, Lack]:
        """What is to be tried now, and what becomes of each if it is refused again."""
        if not self._rows:
            return {}
        lacks = {key: self._lack(one) for key, one in self._rows.items()}
        if self._has_news():
            return lacks
        return {key: lack for key, lack in lacks.items() if lack is not Lack.WAITS}

    def without(self, keys: Sequence[Key]) -> bool:
        """Whether there are any but those of these keys."""
        return not self._rows.keys() <= set(keys)

    def changes(self, keys: Sequence[Key]) -> list[Held]:
        """The rows of these keys."""
        return [self._rows[key] for key in keys]

    def looking(self) -> None:
        """A look begins, of which rows will be tried: what kin writes from now on is news."""
        self._heard = self._family.written(self._relatives, self._direction)

    def looked(self, *, more: bool) -> None:
        """What a look has found is about to be tried; there is `more` to be read behind it, or not."""
        self._more = more

    def settle(self, tried: Sequence[Key], lacking: Sequence[Item], since: float, of: int) -> None:
        """A batch was committed.

        Args:
            tried: keys that were in it.
            lacking: items of it that are still, or newly, lacking something.
            since: monotonic time after it was read.
            of: how many changes were read with it.
        """
        before = {key: self._rows.pop(key, None) for key in tried}
        for item in lacking:
            key = item.change.key
            known = before.get(key)
            is_known = known is not None and known.is_as(item.change)
            self._rows[key] = known if known is not None and is_known else self._held(item, since, of)
        if lacking:
            self._refused_again()
        self._settled()

    def _settled(self) -> None:
        self._family.awaits(self._way, frozenset().union(*(one.kin for one in self._rows.values())))
        if not self._rows:
            self._again_at, self._again_s = 0.0, AGAIN_MIN_S

    def _has_news(self) -> bool:
        news = self._family.written(self._relatives, self._direction) != self._heard
        return news and self.now() >= self._again_at

    def _refused_again(self) -> None:
        self._again_at, self._again_s = self.now() + self._again_s, min(AGAIN_MAX_S, 2 * self._again_s)

    def _held(self, item: Item, since: float, of: int) -> Held:
        change = item.change
        kin = self._family.kin(
            *self._way, parents=change.stored is not None, children=change.stored is None or item.moved
        )
        bare = Change(change.key, change.position, None, change.echo, change.captured_at)
        return Held(bare, state_of(change), kin, since, of)

    # -- what it means to be refused again

    def _lack(self, one: Held) -> Lack:
        family, direction = self._family, self._direction
        missing = family.missing(one.kin, direction, one.since)
        if not missing:
            own = self._more and family.own_parent(self._sync)
            return Lack.FORGIVEN if own or family.has_set_aside(one.kin, direction) else Lack.COUNTS
        if family.still(missing):
            if family.paused_for(missing, self._sync):
                return Lack.FORGIVEN
            family.is_late(self._sync, Wait(direction, one.kin, one.since))
            return Lack.COUNTS
        if self.now() - one.since <= PATIENCE_S:
            return Lack.WAITS
        return Lack.FORGIVEN if self._few(one.of) or self._in_vain(missing) else Lack.WAITS

    def _few(self, of: int) -> bool:
        return len(self._rows) < FLOOD_CHANGES_MIN or len(self._rows) <= FLOOD_SHARE_MAX * of

    def _in_vain(self, missing: frozenset[str]) -> bool:
        return not self._family.away(missing) and self._family.silent_s(missing, self._direction) > PATIENCE_S

    async def wait(self, lacking: Sequence[Item], since: float, end: float) -> dict[Key, Lack]:
        """For rows that cannot be held back: wait here, and tell what becomes of each if it is refused again.

        To be called with no transaction and no snapshot open. May be cancelled.

        Args:
            lacking: the rows.
            since: monotonic time after they were read.
            end: until when it waits at most.
        """
        held = {item.change.key: self._held(item, since, len(lacking)) for item in lacking}
        bell = self._family.bell(self._sync)
        self._refused_again()
        self._family.awaits(self._way, frozenset().union(*(one.kin for one in held.values())))
        while True:
            bell.clear()
            lacks = {key: self._lack(one) for key, one in held.items()}
            left_s = end - self.now()
            if Lack.WAITS not in lacks.values() or left_s <= 0 or self._has_news():
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, AGAIN_MAX_S)):
                    await bell.wait()
        self._settled()
        return lacks if left_s > 0 else {key: _final(lack) for key, lack in lacks.items()}

    # -- what others are told

    def committed(self, tally: Tally, looked_at: float, *, more: bool) -> None:
        """What a look has found is applied as far as it can be; there was `more` to be found, or not."""
        if tally.counts["applied"]:
            self._family.wrote(self._way)
        if LACKING & tally.reasons.keys():
            self._family.set_aside(self._way)
        if not more and not self._rows:
            self._family.applied(self._way, looked_at)
            self._family.on_time(self._sync)


def _final(lack: Lack) -> Lack:
    return Lack.FORGIVEN if lack is Lack.WAITS else lack


def state_of(change: Change) -> int | None:
    """Hash of the row that a change left; None where it is gone."""
    return None if change.stored is None else change.stored.hash
