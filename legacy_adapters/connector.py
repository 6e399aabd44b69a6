"""What a store must be able to do to take part in a sync: two small interfaces with declared capabilities.

A connector gives a `Store` for one side of a sync. Reading goes through a `Snapshot`, writing through a `Transaction`;
what a store cannot do it says in `Capabilities`, and `strangler sync plan` tells the user. The shared conformance suite
in tests/ runs against every connector.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from legacy_adapters.change import ChangeBatch, Cursor, Duplicate, Entry, Load, Quarantined, Rejection, Write
from legacy_adapters.record import Chunk, Key, Stored


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store and its capture promise.

    Attributes:
        snapshot: changes and rows are read in one consistent snapshot.
        transaction: data, ledger and checkpoint are written in one transaction.
        deletes: capture sees deletes.
        origins: capture can tell its own writes from those of others.
        order: capture order is commit order per key.
        tested: this dialect is tested against real servers.
        notes: what a user must know, in whole sentences.
        look_every_s: seconds from one look at the capture to the next, once it has given all; 0: as the engine likes.
    """

    snapshot: bool
    transaction: bool
    deletes: bool
    origins: bool
    order: bool
    tested: bool
    notes: tuple[str, ...] = ()
    look_every_s: float = 0.0


class Snapshot(Protocol):
    """One consistent view of a store: everything it answers is as of one moment."""

    async def changes(self, cursor: Cursor | None, limit: int) -> ChangeBatch:
        """What was captured after `cursor` (None is: from now on, nothing before), one change per key.

        Raises:
            CaptureError: capture is gone or has been pruned beyond the cursor.
            SchemaChangedError: the table is not what it was.
        """
        ...

    async def chunk(self, after: Key | None, limit: int) -> Chunk:
        """The next rows in key order (keyset pagination); empty at the end."""
        ...

    async def rows(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """The rows of these keys that are there."""
        ...

    async def entries(self, source_keys: Sequence[Key]) -> dict[Key, Entry]:
        """Lines of this store's own ledger by source key, tombstones too: for lookups by other syncs."""
        ...

    async def entries_by_target(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        """Lines of this store's own ledger (what the sync wrote here) by target key; tombstones only where no other is.

        Empty where nothing is written to this store.
        """
        ...

    async def count(self) -> int:
        """About how many rows the table has, cheaply: for progress only."""
        ...


class Transaction(Protocol):
    """One transaction in the store that is written. Leaving it normally commits; an exception rolls back.

    Every read in it sees the newest committed state, whatever the store's isolation level (locking reads, or read
    committed). Nothing of a transaction is visible to others before its end.
    """

    async def fence(self, stream: str) -> Cursor | None:
        """Where `stream` stands, locked until the end of the transaction; None where it never began.

        The engine's first call. Two syncers that run the same sync by mistake take turns here, and the one that is
        behind sees that it is.
        """
        ...

    def unkept(self, source_keys: Sequence[Key]) -> Sequence[Key]:
        """Those of these keys for which the ledger can have no line: too long, or of characters that it has not."""
        ...

    async def entries(self, source_keys: Sequence[Key]) -> dict[Key, Entry]:
        """The ledger's lines of these source keys, tombstones too."""
        ...

    async def entries_by_target(self, target_keys: Sequence[Key]) -> dict[Key, Entry]:
        """The ledger's lines that lead to these target keys, without tombstones."""
        ...

    async def rows(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """The target's rows of these keys, locked until the end of the transaction."""
        ...

    async def load(self, load: Load) -> bool:
        """Insert rows and their ledger's lines by the fastest way that the store has; all of them or none.

        Returns:
            False, with nothing done and the transaction usable, where the ledger knows one of the source keys, the
            target has one of the rows, or where it refuses one: the caller then takes the careful way.
        """
        ...

    async def write(self, writes: Sequence[Write]) -> list[Rejection]:
        """Write rows, with the sync's origin marked; a refused row is reported and does not spoil the others.

        Deletes come first. An upsert whose key has meanwhile been taken by somebody else's row (`exists` was False) is
        refused with reason `unique` and `retry`, never written over it: the engine reads the row and decides anew.
        """
        ...

    async def swap(self, writes: Sequence[Write]) -> list[Rejection]:
        """Write rows whose unique values stand in each other's way: all are parked first; all are written or none.

        Parking gives the unique columns of the rows that are there values that nobody has, within this transaction.
        A store that cannot park refuses all of them.
        """
        ...

    async def record(self, entries: Sequence[Entry], *, as_given: bool = False) -> None:
        """Write the ledger's lines.

        `target_hash` is computed by the store from the target's row as it is now in this transaction, None where there
        is none, unless the lines are to be kept `as_given`.
        """
        ...

    async def checkpoint(self, stream: str, cursor: Cursor) -> None:
        """Remember how far `stream` was applied."""
        ...

    async def held(self, source_keys: Sequence[Key]) -> dict[Key, Quarantined]:
        """The open quarantine of these source keys."""
        ...

    async def hold(self, quarantined: Sequence[Quarantined]) -> None:
        """Put into quarantine; an open one of the same source key is replaced."""
        ...

    async def release(self, source_keys: Sequence[Key], *, by: str, resolution: str, at: float) -> None:
        """Close the open quarantine of these source keys; it stays as a record of what was decided."""
        ...


class Listed(StrEnum):
    """What a store can list hashes of, each in the order of the key that is named."""

    ROWS = "rows"  # the table's own rows, by their key
    LEDGER_SOURCE = "ledger_source"  # `source_hash` of the ledger kept here, by source key; tombstones left out
    LEDGER_TARGET = "ledger_target"  # `target_hash` of the same, by target key


@dataclass(frozen=True, slots=True)
class Checksum:
    """How many hashes there are in a range of keys, and their sum: equal sets have equal ones, whatever the order."""

    count: int
    total: int


class Audit(Protocol):
    """One consistent view of a store for verification; what is compared are hashes that the store itself computed."""

    async def bounds(self, listed: Listed, after: Key | None, until: Key | None, parts: int) -> list[Key]:
        """Keys that cut the range `after < key <= until` into at most `parts` of about equal size, in order.

        None is open: from the first key, to the last. The bounds themselves are inner ones only: fewer than `parts`.
        """
        ...

    async def checksum(self, listed: Listed, after: Key | None, until: Key | None) -> Checksum:
        """Count and sum of the hashes of that range, computed in the store."""
        ...

    async def hashes(self, listed: Listed, after: Key | None, until: Key | None) -> dict[Key, int]:
        """The hashes of that range one by one, in key order; the caller keeps ranges small."""
        ...


class Store(Protocol):
    """One side of one sync."""

    @property
    def capabilities(self) -> Capabilities:
        """What it promises."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """A consistent view, ended with the context.

        Raises:
            StoreUnavailableError: it cannot be reached; also from every call within. The same goes for `transaction`,
                where a deadlock or lost commit counts as unavailable: the engine reads the checkpoint and goes on.
        """
        ...

    async def write_out(self, load: Load) -> Load:
        """A load, prepared as far as that needs no transaction: what others wait for is the shorter. Writes nothing."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction for writing. Cancellation rolls back."""
        ...

    def audit(self) -> AbstractAsyncContextManager[Audit]:
        """A consistent view for verification, ended with the context."""
        ...

    async def read_checkpoint(self, stream: str) -> Cursor | None:
        """How far `stream` was applied to this store; None where it never was."""
        ...

    async def quarantine(
        self, *, resolved: bool, after: int, limit: int, reason: str | None = None
    ) -> list[tuple[int, Quarantined]]:
        """What is in quarantine here, open or resolved, with a number that orders it; those above `after`, in order.

        With a `reason` only what is there for it.
        """
        ...

    async def quarantine_counts(self, *, resolved: bool = False) -> dict[str, int]:
        """How much is in quarantine here, open or resolved, by reason; empty where there is none."""
        ...

    async def note_duplicates(self, keys: Sequence[Key]) -> None:
        """Flag rows of these keys, which somebody else wrote, where they have come to agree with others.

        In a transaction of its own; what this store's `transaction` writes it flags by itself. Does nothing where
        duplicates are not looked for.
        """
        ...

    async def count_duplicates(self) -> int | None:
        """How many records are flagged, up to a bound of the store; None where they are not looked for."""
        ...

    async def list_duplicates(self, *, after: int | None, limit: int) -> list[Duplicate]:
        """At most `limit` flagged records, those that agree beside each other, of groups behind `after`."""
        ...

    async def duplicates_of(self, key: Key, limit: int) -> list[Duplicate]:
        """At most `limit` flagged records that agree with this one, itself among them; none where it is not flagged."""
        ...

    async def pressure(self) -> float:
        """How hard the store has it: 0 is idle, 1 the most that a sync should add to (replicas, work under way)."""
        ...

    async def prune(self, cursor: Cursor, limit: int) -> int:
        """Forget at most `limit` captured events that were read before `cursor`; how many there were.

        Called with a cursor whose changes are applied and committed. Also forgets resolved quarantine beyond a bound.
        """
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
