"""Records of the written store that agree on some columns: found by a hash in an index, flagged, never merged.

A table of the sync's own has a line for each row of the target that has a value in all of these columns: its key, the
hash of the values, and since when it is flagged. Lines are brought up to date in the transaction that wrote the rows,
so that a replay finds nothing to do. A row that agrees with another is flagged, and so is the other one; where only one
is left of those that agreed, it is so no longer. Rows that were there before are taken in when the table is made.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from legacy_adapters.change import Duplicate
from legacy_adapters.record import Key
from legacy_adapters.sql import names
from legacy_adapters.sql.connection import Connection, RefusedError
from legacy_adapters.sql.ledger import as_own
from legacy_adapters.sql.table import ALIAS, Table, decoded
from legacy_adapters.sql.writing import Savepoint
from legacy_adapters.values.kinds import Kind

if TYPE_CHECKING:
    from legacy_adapters.sql.statements import StatementDialect

#: Rows that are taken in at a time when the table is made.
FILL_ROWS: Final = 5_000
#: Hashes that are looked for in one statement, where only the first two rows of each matter.
HASHES_MAX: Final = 50
#: Flagged records that are counted at most.
COUNT_MAX: Final = 100_000
OWN: Final = "d"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the table."""

    key: Key
    hash: int
    flagged: bool


class Duplicates:
    """The lines of one sync.

    Attributes:
        name: of the table, quoted.
        plain: the same, not quoted.
        key_columns: what the target's key columns can hold, named as in the table: t1, t2, …
    """

    def __init__(self, dialect: StatementDialect, sync: str, target: Table, columns: Sequence[str]) -> None:
        self.plain = names.duplicates(sync)
        self.name = dialect.quote(self.plain)
        self.key_columns = tuple(as_own(column, f"t{at}") for at, column in enumerate(target.key_columns, 1))
        self._dialect = dialect
        self._target = target
        self._stream = f"{sync}.duplicates"
        kinds = [target.shape.column(name) for name in columns]
        self._made_for = {"columns": [[kind.name, kind.type_name, kind.collation] for kind in kinds]}
        self._names = tuple(f"{OWN}.{column.name}" for column in self.key_columns)
        self._decoders = [
            (at, decode) for at, column in enumerate(self.key_columns) if (decode := dialect.decoder(column))
        ]
        parts = [(kind, f"{ALIAS}.{dialect.quote(kind.name)}") for kind in kinds]
        filled = [f"{name} IS NOT NULL" for _, name in parts]
        filled += [f"trim({name}) <> ''" for kind, name in parts if kind.kind is Kind.TEXT]
        listed = ", ".join(column.name for column in self.key_columns)
        self._insert = (
            f"INSERT INTO {self.name} ({listed}, hash) SELECT {', '.join(target.key_names)}, "
            f"{dialect.hash(kinds, ALIAS)} FROM {target.name} {ALIAS} WHERE {' AND '.join(filled)}"
        )
        self._hashes = (
            f"SELECT {target.key_selection}, {dialect.hash(kinds, ALIAS)} FROM {target.name} {ALIAS} "
            f"WHERE {' AND '.join(filled)}"
        )

    # -- making

    async def make(self, connection: Connection) -> None:
        """Make the table where it is not there for these columns, and take in the rows that are there."""
        if await self.is_made(connection):
            return
        for statement in self._dialect.duplicates_ddl(self):
            await connection.execute(statement)
        await connection.execute(f"DELETE FROM {self.name}")
        after: Key | None = None
        while keys := await self._keys(connection, after):
            await connection.begin()
            await self.note(connection, keys)
            await connection.commit()
            after = keys[-1]
        values = self._stream, json.dumps(self._made_for)
        await self._dialect.put(connection, names.CHECKPOINT, ("stream", "position"), ("stream",), values)

    async def is_made(self, connection: Connection) -> bool:
        """Whether the table is there, for these columns, with the rows that were there."""
        mark = self._dialect.mark(1)
        found = await connection.fetch(f"SELECT position FROM {names.CHECKPOINT} WHERE stream = {mark}", [self._stream])
        return bool(found) and found[0][0] is not None and json.loads(found[0][0]) == self._made_for

    async def _keys(self, connection: Connection, after: Key | None) -> list[Key]:
        target, args = self._target, list[Any]()
        where = ""
        if after is not None:
            where = f" WHERE {self._dialect.beyond(target.key_columns, target.key_names, after, args)}"
        order = ", ".join(target.key_names)
        sql = f"SELECT {target.key_selection} FROM {target.name} {ALIAS}{where} ORDER BY {order}"
        return target.keys(await connection.fetch(self._dialect.limited(sql, FILL_ROWS), args))

    # -- keeping it up to date

    async def take_in(self, connection: Connection, keys: Sequence[Key]) -> None:
        """Bring the lines of rows that were just inserted up to date; there is hardly ever a line of them already."""
        try:
            async with Savepoint(connection, "strangler_duplicates"):
                await self._add(connection, keys)
        except RefusedError:
            await self.note(connection, keys)

    async def note(self, connection: Connection, keys: Sequence[Key]) -> None:
        """Bring the lines of these rows up to date, those of rows that are gone too, within a transaction."""
        lock = f"SELECT position FROM {names.CHECKPOINT} WHERE stream = {self._dialect.mark(1)}{self._dialect.locking}"
        await connection.fetch(lock, [self._stream])  # of two that agree, one transaction sees the other's
        before = {line.key: line for line in await self._lines(connection, keys)}
        now = dict(await self._hashes_of(connection, keys))
        old = [line for line in before.values() if now.get(line.key) != line.hash]
        new = [key for key in now if key not in before or before[key].hash != now[key]]
        for condition, args in self._matching([line.key for line in old]):
            await connection.execute(f"DELETE FROM {self.name} WHERE {condition}", args)
        await self._add(connection, new)
        await self._leave(connection, {line.hash for line in old if line.flagged})

    async def _add(self, connection: Connection, keys: Sequence[Key]) -> None:
        """Lines for these rows, which have none; whoever agrees with another is flagged, and the other one."""
        target, same = (
            self._target,
            " AND ".join(f"o.{column.name} = {OWN}.{column.name}" for column in self.key_columns),
        )
        for condition, args in self._dialect.matching(target.key_columns, target.key_names, keys):
            await connection.execute(f"{self._insert} AND ({condition})", args)
        agreeing: set[int] = set()
        for condition, args in self._dialect.matching(self.key_columns, self._names, keys):
            other = f"SELECT 1 FROM {self.name} o WHERE o.hash = {OWN}.hash AND NOT ({same})"
            sql = f"SELECT DISTINCT hash FROM {self.name} {OWN} WHERE ({condition}) AND EXISTS ({other})"
            agreeing.update(int(found) for (found,) in await connection.fetch(sql, args))
        for part in _parts(sorted(agreeing), FILL_ROWS):
            hashes = ", ".join(map(str, part))
            await connection.execute(
                f"UPDATE {self.name} SET flagged_at = {self._dialect.mark(1)} "
                f"WHERE hash IN ({hashes}) AND flagged_at IS NULL",
                [time.time()],
            )

    async def _leave(self, connection: Connection, hashes: set[int]) -> None:
        """Take the flag from the last row that is left of each of these."""
        for part in _parts(sorted(hashes), HASHES_MAX):
            picks = [
                f"SELECT * FROM ({self._dialect.limited(f'SELECT hash FROM {self.name} WHERE hash = {one}', 2)}) q{at}"
                for at, one in enumerate(part)
            ]
            found = [int(one) for (one,) in await connection.fetch(" UNION ALL ".join(picks))]
            alone = ", ".join(str(one) for one in part if found.count(one) == 1)
            if alone:
                await connection.execute(f"UPDATE {self.name} SET flagged_at = NULL WHERE hash IN ({alone})")

    # -- showing

    async def count(self, connection: Connection) -> int:
        """How many are flagged, up to `COUNT_MAX`."""
        flagged = self._dialect.limited(f"SELECT 1 FROM {self.name} WHERE flagged_at IS NOT NULL", COUNT_MAX)
        ((count,),) = await connection.fetch(f"SELECT count(*) FROM ({flagged}) q")
        return int(count)

    async def listed(self, connection: Connection, *, after: int | None, limit: int) -> list[Duplicate]:
        """Flagged records, those that agree beside each other: groups behind `after`, at least one of them whole.

        Args:
            connection: to the store.
            after: number of a group; None is from the first one.
            limit: records at most.
        """
        behind = "" if after is None else f" AND hash > {after:d}"
        selection = ", ".join(self._dialect.read(column, OWN) for column in self.key_columns)
        sql = (
            f"SELECT {selection}, hash, flagged_at FROM {self.name} {OWN} WHERE flagged_at IS NOT NULL{behind} "
            f"ORDER BY hash, {', '.join(self._names)}"
        )
        return self._read(await connection.fetch(self._dialect.limited(sql, limit)))

    async def agreeing(self, connection: Connection, key: Key, limit: int) -> list[Duplicate]:
        """The flagged records that agree with this one, itself among them."""
        found: list[Duplicate] = []
        for line in await self._lines(connection, [key]):
            if line.flagged:
                selection = ", ".join(self._dialect.read(column, OWN) for column in self.key_columns)
                sql = (
                    f"SELECT {selection}, hash, flagged_at FROM {self.name} {OWN} WHERE hash = {line.hash:d} "
                    f"AND flagged_at IS NOT NULL ORDER BY {', '.join(self._names)}"
                )
                found += self._read(await connection.fetch(self._dialect.limited(sql, limit)))
        return found

    def _read(self, records: Sequence[Sequence[Any]]) -> list[Duplicate]:
        width = len(self.key_columns)
        keys = decoded([tuple(record[:width]) for record in records], self._decoders)
        pairs = zip(keys, records, strict=True)
        return [Duplicate(key, int(record[width]), float(record[width + 1])) for key, record in pairs]

    # -- lookups

    async def _lines(self, connection: Connection, keys: Sequence[Key]) -> list[_Line]:
        selection = ", ".join(self._dialect.read(column, OWN) for column in self.key_columns)
        found: list[_Line] = []
        for condition, args in self._dialect.matching(self.key_columns, self._names, keys):
            sql = f"SELECT {selection}, hash, flagged_at IS NOT NULL FROM {self.name} {OWN} WHERE {condition}"
            records = await connection.fetch(sql, args)
            width = len(self.key_columns)
            parts = decoded([tuple(record[:width]) for record in records], self._decoders)
            pairs = zip(parts, records, strict=True)
            found += [_Line(key, int(record[width]), bool(record[width + 1])) for key, record in pairs]
        wanted = set(keys)
        return [line for line in found if line.key in wanted]

    async def _hashes_of(self, connection: Connection, keys: Sequence[Key]) -> list[tuple[Key, int]]:
        target, wanted = self._target, set(keys)
        found: list[tuple[Key, int]] = []
        for condition, args in self._dialect.matching(target.key_columns, target.key_names, keys):
            records = await connection.fetch(f"{self._hashes} AND ({condition})", args)
            found += zip(target.keys(records), (int(record[-1]) for record in records), strict=True)
        return [(key, row_hash) for key, row_hash in found if key in wanted]

    def _matching(self, keys: Sequence[Key]) -> Iterator[tuple[str, list[Any]]]:
        return self._dialect.matching(self.key_columns, [column.name for column in self.key_columns], keys)


async def forget(connection: Connection, dialect: StatementDialect, sync: str) -> None:
    """Empty the table of a sync, where there is one: nobody keeps it up to date any more."""
    mark, stream = dialect.mark(1), f"{sync}.duplicates"
    if await connection.fetch(f"SELECT 1 FROM {names.CHECKPOINT} WHERE stream = {mark}", [stream]):
        await connection.execute(f"DELETE FROM {names.CHECKPOINT} WHERE stream = {mark}", [stream])
        await connection.execute(f"DELETE FROM {dialect.quote(names.duplicates(sync))}")


def _parts(values: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
