"""Many rows at once, and one bad row alone: a group that the store refuses is halved until the row is found.

Deletes come first, then updates, then inserts, since what goes away makes room for what comes. A group is one
statement; only where it is refused are there savepoints and halves. What a unique key refuses is tried once more after
everything else has been written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from legacy_adapters.change import Operation, Rejection, Write
from legacy_adapters.record import Key
from legacy_adapters.sql.connection import Connection, RefusedError
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.lookup import rows_of
from legacy_adapters.sql.parking import Parking
from legacy_adapters.sql.table import Table

#: Reasons for which another write of the same sync may make room.
RETRIED: Final = frozenset({"unique", "foreign_key"})

Statement = Callable[[Sequence[Write]], Awaitable[None]]


class Writer:
    """Writes rows of one table within a transaction."""

    def __init__(self, connection: Connection, dialect: Dialect, table: Table) -> None:
        self._connection = connection
        self._dialect = dialect
        self._table = table
        self._savepoints = 0

    async def write(self, writes: Sequence[Write]) -> list[Rejection]:
        """Do what can be done; what was refused."""
        first = await self._pass(await self._known(writes))
        again = [write for write, rejection in first if rejection.reason in RETRIED]
        final = [rejection for _, rejection in first if rejection.reason not in RETRIED]
        if again and len(again) < len(writes):
            return final + [rejection for _, rejection in await self._pass(again)]
        return final + [rejection for _, rejection in first if rejection.reason in RETRIED]

    async def swap(self, writes: Sequence[Write]) -> list[Rejection]:
        """Park the unique values of the rows that are there, then write all of them; all or none."""
        known = await self._known(writes)
        parking = Parking(self._dialect, self._table)
        there = [write.key for write in known if write.exists]
        try:
            async with Savepoint(self._connection, self.next_savepoint()):
                await parking.park(self._connection, there)
                _require_all(await self._pass(known))
        except RefusedError as error:
            return [Rejection(write.key, error.reason, error.detail, retry=False) for write in writes]
        return []

    async def _known(self, writes: Sequence[Write]) -> list[Write]:
        """The writes, each knowing whether its key is there."""
        unknown = [write.key for write in writes if write.exists is None]
        if not unknown:
            return list(writes)
        there = await rows_of(self._connection, self._dialect, self._table, unknown, lock=True)
        return [replace(write, exists=write.key in there) if write.exists is None else write for write in writes]

    async def _pass(self, writes: Sequence[Write]) -> list[tuple[Write, Rejection]]:
        refused: list[tuple[Write, Rejection]] = []
        deletes = [write for write in writes if write.operation is Operation.DELETE and write.exists]
        refused += await self._group(deletes, self._delete)
        upserts = [write for write in writes if write.operation is Operation.UPSERT]
        for exists, statement in ((True, self._update), (False, self._insert)):
            by_columns: dict[tuple[str, ...], list[Write]] = {}
            for write in upserts:
                if bool(write.exists) is exists:
                    by_columns.setdefault(tuple(write.row), []).append(write)
            for group in by_columns.values():
                refused += await self._group(group, statement)
        return refused

    async def _group(self, writes: Sequence[Write], statement: Statement) -> list[tuple[Write, Rejection]]:
        refused: list[tuple[Write, Rejection]] = []
        for start in range(0, len(writes), self._dialect.rows_max):
            refused += await self._halve(writes[start : start + self._dialect.rows_max], statement)
        return refused

    async def _halve(self, writes: Sequence[Write], statement: Statement) -> list[tuple[Write, Rejection]]:
        if not writes:
            return []
        try:
            async with Savepoint(self._connection, self.next_savepoint()):
                await statement(writes)
        except RefusedError as error:
            if len(writes) == 1:
                retry = error.reason in RETRIED
                return [(writes[0], Rejection(writes[0].key, error.reason, error.detail, retry=retry))]
        else:
            return []
        middle = len(writes) // 2
        return await self._halve(writes[:middle], statement) + await self._halve(writes[middle:], statement)

    async def _delete(self, writes: Sequence[Write]) -> None:
        table, gone = self._table, 0
        for condition, args in self._dialect.matching(
            table.key_columns, [self._dialect.quote(name) for name in table.key], [write.key for write in writes]
        ):
            gone += await self._connection.execute(f"DELETE FROM {table.name} WHERE {condition}", args)
        if gone != len(writes):
            raise RefusedError("other", "a trigger or rule of the target keeps rows from being deleted")

    async def _update(self, writes: Sequence[Write]) -> None:
        names, rows = self._positional(writes)
        await self._dialect.update(self._connection, self._table, names, rows)

    async def _insert(self, writes: Sequence[Write]) -> None:
        names, rows = self._positional(writes)
        await self._dialect.insert(self._connection, self._table, names, rows)
        if self._table.may_move_keys:
            there = await rows_of(self._connection, self._dialect, self._table, [write.key for write in writes])
            if len(there) != len(writes):
                raise RefusedError("other", "a trigger of the target gives rows other keys")

    def _positional(self, writes: Sequence[Write]) -> tuple[list[str], list[Key]]:
        """Names and values: the key as `Write.key` has it, then the other columns."""
        table = self._table
        others = [name for name in writes[0].row if name not in table.key]
        return [*table.key, *others], [(*write.key, *(write.row[name] for name in others)) for write in writes]

    def next_savepoint(self) -> str:
        """A name that no savepoint of this transaction has had."""
        self._savepoints += 1
        return f"strangler_{self._savepoints}"


def _require_all(refused: Sequence[tuple[Write, Rejection]]) -> None:
    if refused:
        raise RefusedError(refused[0][1].reason, refused[0][1].detail)


class Savepoint:
    """What is done within is undone where it raises RefusedError, and the transaction goes on."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def __aenter__(self) -> None:
        await self._connection.savepoint(self._name)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None and issubclass(kind, RefusedError):
            await self._connection.undo(self._name)
        if kind is None or issubclass(kind, RefusedError):
            await self._connection.release(self._name)
