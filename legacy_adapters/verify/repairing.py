"""Repair: what was found at fault goes once more through the normal path, as a chunk of a few rows.

Nothing is written past the engine: the source's state is read in a snapshot and applied in a transaction that fences
the stream, decides, writes, records and quarantines as for every other change. A record that only the target has is
deleted there only where the sync once wrote it: what it never knew is somebody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from legacy_adapters.change import Change
from legacy_adapters.engine.batch import Batch, Seen, Tally
from legacy_adapters.engine.checkpoint import LIVE, LiveMark
from legacy_adapters.engine.decision import Manner
from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.stream import Finder, NoFinder
from legacy_adapters.errors import StaleError
from legacy_adapters.record import Key
from legacy_adapters.verify.verifying import Fault, Finding

#: Records of one transaction.
KEYS_MAX: Final = 200
#: Tries where the stream moved on between reading and writing.
TRIES_MAX: Final = 20
#: Faults that a repair mends; those in quarantine wait for a person, those on their way arrive by themselves.
MENDED: Final = frozenset({Fault.LOST, Fault.ROGUE, Fault.MAPPING})


@dataclass(slots=True)
class Repaired:
    """What a repair did.

    Attributes:
        tally: what became of the records, as of any batch.
        foreign: target keys that no ledger knows: not the sync's, left alone.
    """

    tally: Tally = field(default_factory=Tally)
    foreign: list[Key] = field(default_factory=list)


async def repair(
    direction: Direction, findings: Sequence[Finding], now: float, *, finder: Finder | None = None
) -> Repaired:
    """Bring the records of these findings in step, the source's state winning.

    Cancellation rolls back the transaction under way; those before stay. Doing it again is nothing.

    Args:
        direction: whose findings they are.
        findings: of a verification.
        now: Unix time in seconds.
        finder: answers the mapping's lookups.

    Raises:
        StaleError: the stream moves on faster than a repair can read; pause the sync, or repair fewer records.
        FloodError, CaptureError, SchemaChangedError, StoreUnavailableError: as any step.
    """
    done = Repaired()
    keys: list[Key] = []
    for finding in findings:
        if finding.fault not in MENDED:
            continue
        if finding.source_key is not None:
            keys.append(finding.source_key)
        elif finding.target_key is not None:
            done.foreign.append(finding.target_key)
    for start in range(0, len(keys), KEYS_MAX):
        done.tally.add(await _apply(direction, keys[start : start + KEYS_MAX], now, finder or NoFinder()))
    return done


async def _apply(direction: Direction, keys: Sequence[Key], now: float, finder: Finder) -> Tally:
    for _ in range(TRIES_MAX):
        before = await direction.writes.read_checkpoint(LIVE)
        seen = await _read(direction, keys, finder)
        async with direction.writes.transaction() as transaction:
            fenced = await transaction.fence(LIVE)
            if fenced != before:
                continue  # what was read may be older than what was applied meanwhile
            tally = await Batch(direction, transaction, manner=Manner.FORCED, now=now, may_be_held=True).apply(
                seen, flood_from=None
            )
            mark = LiveMark.decode(fenced)
            if mark is not None:
                await transaction.checkpoint(LIVE, mark.next_turn().encode())
            return tally
    raise StaleError(f"{direction.name} moved on {TRIES_MAX} times while it was being repaired")


async def _read(direction: Direction, keys: Sequence[Key], finder: Finder) -> Seen:
    async with direction.reads.snapshot() as snapshot:
        rows = await snapshot.rows(keys)
        counters = await snapshot.entries_by_target(keys) if direction.counter is not None else {}
    changes = [Change(key, 0, rows.get(key)) for key in keys]
    if not direction.mapper.lookups:
        return Seen(changes, counters)
    return Seen(changes, counters, await finder.find(direction, [row.row for row in rows.values()]))
