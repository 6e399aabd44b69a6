"""Whether a key that differs is a mismatch, or only a change that is on its way.

The order of reading decides. First, in the store that is written, the ledger's line and the checkpoint, as of one
moment; then, in one snapshot of the source, the row and what was captured after that checkpoint. A key that was not
captured after the checkpoint has the state that the checkpoint stands for, so its row must be the one that the ledger
names. Nothing is decided by waiting; waiting only lets changes arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from legacy_adapters.change import Cursor
from legacy_adapters.connector import Store
from legacy_adapters.engine.checkpoint import LIVE, LiveMark, stream_name
from legacy_adapters.engine.model import Direction
from legacy_adapters.errors import CaptureError
from legacy_adapters.record import Key, Stored

#: Captured changes that are read at a time, and reads before a stream counts as too far behind to verify.
PENDING_ROWS: Final = 10_000
PENDING_READS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """How keys of a source stand, by one look in the right order.

    Attributes:
        rows: as the source has them; a key that it has not is not in it.
        expected: hash of the source row in the ledger; a key that the ledger has not, or as a tombstone, is not in it.
        pending: keys that were captured after the checkpoint: nothing can be said of them yet.
        held: keys in quarantine: known to differ.
    """

    rows: dict[Key, Stored]
    expected: dict[Key, int]
    pending: frozenset[Key]
    held: frozenset[Key]

    def differs(self, key: Key) -> bool:
        """Whether the source's row is not the one that the ledger names."""
        row = self.rows.get(key)
        return (None if row is None else row.hash) != self.expected.get(key)


async def look(direction: Direction, keys: Sequence[Key]) -> Standing:
    """Look at source keys of a direction.

    Raises:
        CaptureError: the stream is so far behind that what is pending cannot be told.
        StoreUnavailableError: a store went away.
    """
    async with direction.writes.transaction() as transaction:
        mark = LiveMark.decode(await transaction.fence(stream_name(direction.sync, direction.name, LIVE)))
        entries = await transaction.entries(keys)
        held = await transaction.held(keys)
    expected = {
        key: entry.source_hash
        for key, entry in entries.items()
        if not entry.tombstone and entry.source_hash is not None
    }
    cursor = None if mark is None else mark.cursor
    async with direction.reads.snapshot() as snapshot:
        rows = await snapshot.rows(keys)
        pending: set[Key] = set()
        for _ in range(PENDING_READS_MAX):
            if cursor is None:
                break
            read = await snapshot.changes(cursor, PENDING_ROWS)
            pending.update(change.key for change in read.changes)
            cursor = read.cursor
            if not read.more:
                break
        else:
            raise CaptureError(f"{direction.name} is more than {PENDING_ROWS * PENDING_READS_MAX} changes behind")
    return Standing(rows, expected, frozenset(pending), frozenset(held))


async def captured_since(store: Store, cursor: Cursor | None) -> frozenset[Key]:
    """Keys of a store that were captured after a cursor; none where nothing is captured there.

    Raises:
        CaptureError: there are too many to tell.
    """
    keys: set[Key] = set()
    if cursor is None:
        return frozenset()
    async with store.snapshot() as snapshot:
        for _ in range(PENDING_READS_MAX):
            read = await snapshot.changes(cursor, PENDING_ROWS)
            keys.update(change.key for change in read.changes)
            if not read.more:
                return frozenset(keys)
            cursor = read.cursor
    raise CaptureError(f"a stream is more than {PENDING_ROWS * PENDING_READS_MAX} changes behind")
