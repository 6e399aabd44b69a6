"""What a store must be able to do to take part in a sync: two small interfaces with declared capabilities.

A connector gives a `Store` for one side of a sync. Reading goes through a `Snapshot`, writing through a `Transaction`;
what a store cannot do it says in `Capabilities`, and `strangler sync plan` tells the user. The shared conformance suite
in tests/ runs against every connector.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from legacy_adapters.change import ChangeBatch, Cursor, Entry, Rejection, Write
from legacy_adapters.record import Key, Stored


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
    """

    snapshot: bool
    transaction: bool
    deletes: bool
    origins: bool
    order: bool
    tested: bool
    notes: tuple[str, ...] = ()


class Snapshot(Protocol):
    """One consistent view of a store."""

    async def changes(self, cursor: Cursor | None, limit: int) -> ChangeBatch:
        """What was captured after `cursor` (None is: from now on, nothing before), one change per key.

        Raises:
            CaptureError: capture is gone or has been pruned beyond the cursor.
            SchemaChangedError: the table is not what it was.
        """
        ...

    async def chunk(self, after: Key | None, limit: int) -> list[Stored]:
        """The next rows in key order (keyset pagination); empty at the end."""
        ...

    async def rows(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """The rows of these keys that are there."""
        ...


class Transaction(Protocol):
    """One transaction in the store that is written. Leaving it normally commits; an exception rolls back."""

    async def entries(self, source_keys: Sequence[Key]) -> dict[Key, Entry]:
        """The ledger's lines of these source keys."""
        ...

    async def rows(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """The target's rows of these keys, locked until the end of the transaction."""
        ...

    async def write(self, writes: Sequence[Write]) -> list[Rejection]:
        """Write rows, with the sync's origin marked; a refused row is reported and does not spoil the others."""
        ...

    async def record(self, entries: Sequence[Entry]) -> None:
        """Write the ledger's lines. `target_hash` of a line that is no tombstone is computed by the store itself."""
        ...

    async def checkpoint(self, stream: str, cursor: Cursor) -> None:
        """Remember how far `stream` was applied."""
        ...


class Store(Protocol):
    """One side of one sync."""

    @property
    def capabilities(self) -> Capabilities:
        """What it promises."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """A consistent view, ended with the context."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction for writing."""
        ...

    async def read_checkpoint(self, stream: str) -> Cursor | None:
        """How far `stream` was applied to this store; None where it never was."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
