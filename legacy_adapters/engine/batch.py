"""One set of changes, applied in one transaction: read, decide, write, try again, record, quarantine.

```
ledger lines of all keys ─▶ early verdicts ─▶ map the rest ─▶ lock their target rows ─▶ decide ─▶ write as a set
                                                                     ▲                               │ refused, retry
                                                                     └───────────────────────────────┘
```
A batch holds each key once, so its writes have no order among themselves but the one that the target's constraints ask
for. That order is found by trying: what is refused is tried again after the others went in (a parent that came later in
the batch, a unique value that another row gives up), as long as a round gets anything in; what is left then may be rows
that stand in each other's way, which the store swaps. What still does not fit goes to quarantine, or, where it lacks
another sync's record, is left out for the caller to try again (`heldback`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from legacy_adapters.change import Entry, Operation, Rejection, Write
from legacy_adapters.connector import Transaction
from legacy_adapters.engine.decision import EFFECTS, Decision, Manner, Pair, Verdict, decide, merge_base, settled_early
from legacy_adapters.engine.family import LACKING
from legacy_adapters.engine.item import Item, Refusal, Seen
from legacy_adapters.engine.lack import Lack, counts
from legacy_adapters.engine.model import FLOOD_CHANGES_MIN, FLOOD_SHARE_MAX, Direction
from legacy_adapters.engine.tally import Tally
from legacy_adapters.errors import FloodError, MappingError
from legacy_adapters.mapper import Found
from legacy_adapters.record import Chunk, Key, Stored

#: Times that rows which stand in each other's way are sorted out, one refused group less each time.
SWAPS_MAX: Final = 8
#: Reasons that may go away by themselves: another record comes, or gives up what this one needs.
PASSING: Final = frozenset({"foreign_key", "lookup", "unique", "key_taken"})


class Batch:
    """Applies what was seen, in a transaction that the caller opened, fenced and will commit.

    Attributes:
        lacking: what was left alone, since another sync's record is not there yet, or not gone yet.
    """

    def __init__(
        self,
        direction: Direction,
        transaction: Transaction,
        *,
        manner: Manner,
        now: float,
        may_be_held: bool = True,
        by: str = "later_change",
        lack: Callable[[Key], Lack] = counts,
    ) -> None:
        self._direction = direction
        self._mapper = direction.mapper
        self._counter_version = 0 if direction.counter is None else direction.counter.version
        self._authority = direction.authority
        self._transaction = transaction
        self._manner = manner
        self._now = now
        self._by = by
        self._may_be_held = may_be_held
        self._lack = lack
        self._counted: Counter[str] = Counter()
        self.lacking: list[Item] = []
        self._lines: list[Entry] = []
        self._lines_as_given: list[Entry] = []
        self._refused: list[Refusal] = []
        self._done: list[Key] = []
        self._tally = Tally()

    async def apply(
        self, seen: Seen, *, flood_from: int | None = FLOOD_CHANGES_MIN, flood_of: int | None = None
    ) -> Tally:
        """Decide and write everything; leaves the ledger and quarantine as they then are.

        Args:
            seen: changes of one snapshot.
            flood_from: refused changes from which on a share above `FLOOD_SHARE_MAX` is a flood; None is never.
            flood_of: how many changes it is a share of; None is as many as were seen.

        Raises:
            FloodError: too much would go to quarantine; the caller must not commit.
            StoreUnavailableError: the target went away; the caller must not commit.
        """
        items = await self._judge(seen)
        self._map_together([item for item in items if item.change.stored is not None], seen.found)
        pending = [item for item in items if item.failure is None and self._place(item, seen.found)]
        while pending:
            pending = await self._round(pending)
        self._watch_flood(flood_from, len(seen.changes) if flood_of is None else flood_of)
        await self._quarantine([change.key for change in seen.changes])
        return self._tally

    # -- what needs no mapping

    async def _judge(self, seen: Seen) -> list[Item]:
        unkept = set(self._transaction.unkept([change.key for change in seen.changes]))
        entries = await self._transaction.entries([change.key for change in seen.changes if change.key not in unkept])
        left = []
        for change in seen.changes:
            if change.key in unkept:
                detail = (
                    "the ledger cannot keep this key: it is too long, or of characters that the store does not have"
                )
                self._refuse(Item(change, None, None), "key", detail, "")
                continue
            item = Item(change, entries.get(change.key), seen.counters.get(change.key))
            item.base = merge_base(item.entry, item.counter, self._mapper.version, self._counter_version)
            verdict = settled_early(self._manner, change.position, item.source_hash, item.entry, item.base)
            if verdict is None:
                left.append(item)
            else:
                item.decision = Decision(verdict)
                self._settle(item, seen.found)
        await self._record()
        return left

    def _map_together(self, items: Sequence[Item], found: Found) -> None:
        """Fill in what the rows are in the target, column by column: that is where a batch's time goes."""
        if not items:
            return
        stored = [item.change.stored for item in items if item.change.stored is not None]
        columns = tuple(stored[0].row)
        rows = [tuple(one.row.values()) for one in stored]
        mapped = self._mapper.chunk(Chunk.of_rows(columns, (), rows, [one.hash for one in stored]), found)
        for index, error in mapped.refused:
            items[index].failure = error
            self._refuse(items[index], error.reason, str(error), error.field)
        kept = range(len(items)) if mapped.kept is None else mapped.kept
        for index, values in zip(kept, mapped.rows, strict=True):
            items[index].mapped = dict(zip(mapped.columns, values, strict=True))

    def _place(self, item: Item, found: Found) -> bool:
        """Fill in where the record is in the target; False where that cannot be told."""
        change = item.change
        if item.entry is not None and not item.entry.tombstone:
            item.known_key = item.entry.target_key
        elif item.base.echo and item.counter is not None and item.counter.source_hash is not None:
            item.known_key = item.counter.source_key
        try:
            if item.mapped is not None:
                item.target_key = self._mapper.target_key(item.mapped)
            else:
                item.target_key = item.known_key or self._mapper.key(change.key, found)
        except MappingError as error:
            self._refuse(item, error.reason, str(error), error.field)
            return False
        return True

    # -- one round

    async def _round(self, items: list[Item]) -> list[Item]:
        """Decide and write; gives back what should be tried again."""
        again = await self._decide(items)
        writing = [item for item in items if item.refusal is None and EFFECTS[item.decision.verdict].writes]
        again += await self._write(writing)
        for item in items:
            if item.refusal is None:
                self._settle(item, {})
        await self._record()
        if len(again) == len(items):
            again = await self._swap(again)
        return again

    async def _decide(self, items: Sequence[Item]) -> list[Item]:
        """Decide against the target's rows as they are now; gives back those whose place is taken."""
        keys = {key for item in items for key in (item.known_key, item.target_key) if key is not None}
        rows = await self._transaction.rows(sorted(keys, key=repr))
        arriving = [item.target_key for item in items if item.target_key in rows and item.target_key != item.known_key]
        owners = await self._transaction.entries_by_target([key for key in arriving if key]) if arriving else {}
        places: set[Key] = set()
        taken = []
        for item in items:
            item.refusal = None
            key = item.target_key
            assert key is not None  # noqa: S101 - _place has set it
            owner = owners.get(key)
            if key in places or (owner is not None and owner.source_key != item.change.key and key != item.known_key):
                item.refusal = Rejection(key, "key_taken", "another record has this key in the target", retry=True)
                taken.append(item)
                continue
            places.add(key)
            item.target = rows.get(item.known_key or key)
            item.decision = self._decision(item, rows)
            if item.decision.verdict is Verdict.CONFLICT:
                self._refuse(item, "conflict", "both sides changed, and authority leaves it to a person", "")
                item.refusal = Rejection(key, "conflict", "")
        return taken

    def _decision(self, item: Item, rows: Mapping[Key, Stored]) -> Decision:
        target_hash = None if item.target is None else item.target.hash
        differing: tuple[str, ...] | None = None
        if item.mapped is not None:
            differing = () if item.target is None else self._mapper.differing(item.mapped, item.target.row)
        if item.moved and item.target is None:  # it has left its old place already: only the new one matters
            item.known_key, item.base = None, replace(item.base, target_hash=None)
            item.target = rows.get(item.target_key or ())
            return self._decision(item, rows)
        return decide(self._manner, item.base, target_hash, differing, self._authority)

    async def _write(self, items: Sequence[Item]) -> list[Item]:
        """Write as a set; gives back what was refused and may fit later. The rest of the refused is quarantined."""
        together = [item for item in items if not item.moved]
        rejections = {
            rejection.key: rejection
            for rejection in (await self._transaction.write([item.write for item in together]) if together else [])
        }
        again = []
        for item in together:
            item.refusal = rejections.get(item.target_key or ())
            again += [item] if self._may_try_again(item) else []
        for item in items:
            if item.moved:  # the row leaves its old key and comes to the new one, or neither
                assert item.known_key is not None  # noqa: S101 - moved
                pair = [Write(item.known_key, Operation.DELETE, exists=True), item.write]
                refused = await self._transaction.swap(pair)
                item.refusal = refused[0] if refused else None
                again += [item] if self._may_try_again(item) else []
        return again

    async def _swap(self, items: Sequence[Item]) -> list[Item]:
        """Nothing went in any more: let the store swap unique values, and give up what is left."""
        swapping = [item for item in items if item.refusal and item.refusal.reason == "unique" and not item.moved]
        for _ in range(SWAPS_MAX):
            if len(swapping) < 2:  # noqa: PLR2004 - it takes two to stand in each other's way
                break
            refused = {one.key: one for one in await self._transaction.swap([item.write for item in swapping])}
            if not refused:
                break
            swapping = [item for item in swapping if item.target_key not in refused]
        else:
            swapping = []
        swapped = swapping if len(swapping) > 1 else []
        for item in swapped:
            item.refusal = None
            self._settle(item, {})
        await self._record()
        left = [item for item in items if item.refusal is not None]
        if swapped and left:
            return left  # something went in: the others have another chance
        for item in left:
            if item.refusal is not None:
                self._refuse(item, item.refusal.reason, item.refusal.detail, "")
        return []

    def _may_try_again(self, item: Item) -> bool:
        if item.refusal is None:
            return False
        if not item.refusal.retry:
            self._refuse(item, item.refusal.reason, item.refusal.detail, "")
        return item.refusal.retry

    # -- ledger, quarantine, counting

    def _settle(self, item: Item, found: Found) -> None:
        """Count a verdict and queue its line in the ledger."""
        effect = EFFECTS[item.decision.verdict]
        self._tally.counts[effect.counts_as] += 1
        self._tally.counts["settled"] += item.decision.settled
        if item.decision.verdict is not Verdict.REPLAYED:  # what is old news says nothing about what is held
            self._done.append(item.change.key)
        line = item.line(self._mapper.version, lambda: self._target_key(item.change.key, found))
        if line is not None:
            (self._lines if effect.pair is Pair.STATES else self._lines_as_given).append(line)

    def _target_key(self, key: Key, found: Found) -> Key | None:
        try:
            return self._mapper.key(key, found)
        except MappingError:
            return None  # the row is gone, and nobody can tell what it would have been: there is nothing to remember

    async def _record(self) -> None:
        if self._lines:
            await self._transaction.record(self._lines)
        if self._lines_as_given:
            await self._transaction.record(self._lines_as_given, as_given=True)
        self._lines, self._lines_as_given = [], []

    def _refuse(self, item: Item, reason: str, detail: str, field_name: str) -> None:
        lack = self._lack(item.change.key) if reason in LACKING else Lack.COUNTS
        if lack is Lack.WAITS:
            self.lacking.append(item)
            return
        self._refused.append(Refusal(item, reason, detail, field_name))
        if lack is Lack.COUNTS:
            self._counted[reason] += 1

    def _watch_flood(self, flood_from: int | None, of: int) -> None:
        refused = self._counted.total()
        if flood_from is not None and refused >= flood_from and refused > FLOOD_SHARE_MAX * of:
            raise FloodError(self._counted.most_common(1)[0][0], refused, of)

    async def _quarantine(self, keys: Sequence[Key]) -> None:
        """Refresh what was refused, release what went through."""
        if not self._refused and not self._may_be_held:
            return
        held = await self._transaction.held(keys)
        released = [key for key in self._done if key in held]
        if released:
            resolution = "superseded" if self._by == "later_change" else "retried"
            await self._transaction.release(released, by=self._by, resolution=resolution, at=self._now)
        if self._refused:
            await self._transaction.hold(
                [refusal.quarantined(held.get(refusal.item.change.key), self._now) for refusal in self._refused]
            )
        self._tally.released += len(released)
        for refusal in self._refused:
            self._tally.counts["quarantined"] += 1
            self._tally.counts["conflict"] += refusal.reason == "conflict"
            self._tally.reasons[refusal.reason] += 1
