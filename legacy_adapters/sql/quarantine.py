"""Quarantine in the store that a change was meant for: written in the same transaction as what is not in it."""

from __future__ import annotations

from collections.abc import Sequence

from legacy_adapters.change import Quarantined
from legacy_adapters.record import Key, Row
from legacy_adapters.sql import names
from legacy_adapters.sql.connection import Connection, Record
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.encoded import decode_key, decode_row, digest, encode

#: Resolved ones that are kept of one sync; older ones are forgotten as events are.
RESOLVED_MAX = 10_000
#: Characters of a row that are kept; of each value of a longer row, at least.
ROW_CHARS_MAX = 1 << 18
VALUE_CHARS_MIN = 32
#: Keys that are looked up in one statement.
KEYS_MAX = 500

COLUMNS = (
    "source_key",
    "target_key",
    "reason",
    "detail",
    "field",
    "position",
    "source_row",
    "target_row",
    "attempts",
    "first_at",
    "last_at",
    "resolved_at",
    "resolved_by",
    "resolution",
)


class QuarantineTable:
    """The quarantine of one sync in one store; `ledger` tells it from the others in the same table."""

    def __init__(self, dialect: Dialect, ledger: str) -> None:
        self._dialect = dialect
        self._ledger = ledger
        self._columns = ", ".join(map(dialect.quote, COLUMNS))

    async def held(self, connection: Connection, keys: Sequence[Key]) -> dict[Key, Quarantined]:
        """The open ones of these keys."""
        found: dict[Key, Quarantined] = {}
        for start in range(0, len(keys), KEYS_MAX):
            digests = [digest(key) for key in keys[start : start + KEYS_MAX]]
            where = f"{self._where(len(digests))} AND resolved_at IS NULL"
            records = await self._select(connection, where, [self._ledger, *digests])
            found.update({one.source_key: one for one in map(_read, records)})
        return {key: found[key] for key in keys if key in found}

    async def hold(self, connection: Connection, quarantined: Sequence[Quarantined]) -> None:
        """Open these, in the place of those that are open for the same keys."""
        await self._forget(connection, [one.source_key for one in quarantined])
        columns = ("ledger", "key_hash", *COLUMNS)
        marks = ", ".join(self._dialect.mark(at) for at in range(1, len(columns) + 1))
        listed = ", ".join(map(self._dialect.quote, columns))
        sql = f"INSERT INTO {names.QUARANTINE} ({listed}) VALUES ({marks})"
        for one in quarantined:
            await connection.execute(sql, [self._ledger, digest(one.source_key), *_written(one)])

    async def release(self, connection: Connection, keys: Sequence[Key], by: str, resolution: str, at: float) -> None:
        """Close the open ones of these keys."""
        mark = self._dialect.mark
        for key in keys:
            sql = (
                f"UPDATE {names.QUARANTINE} SET resolved_at = {mark(1)}, resolved_by = {mark(2)}, "
                f"resolution = {mark(3)} WHERE ledger = {mark(4)} AND key_hash = {mark(5)} AND resolved_at IS NULL"
            )
            await connection.execute(sql, [at, by, resolution, self._ledger, digest(key)])

    async def listed(
        self, connection: Connection, *, resolved: bool, after: int, limit: int, reason: str | None = None
    ) -> list[tuple[int, Quarantined]]:
        """Open or resolved ones behind a number; of one reason, where it is given."""
        mark = self._dialect.mark
        where = f"ledger = {mark(1)} AND number > {mark(2)} AND {_standing(resolved)}"
        args: list[object] = [self._ledger, after]
        if reason is not None:
            where += f" AND reason = {mark(3)}"
            args.append(reason)
        records = await self._select(connection, f"{where} ORDER BY number", args, limit)
        return [(int(record[0]), _read(record)) for record in records]

    async def counts(self, connection: Connection, *, resolved: bool) -> dict[str, int]:
        """How many open or resolved ones there are, by reason."""
        where = f"ledger = {self._dialect.mark(1)} AND {_standing(resolved)}"
        sql = f"SELECT reason, count(*) FROM {names.QUARANTINE} WHERE {where} GROUP BY reason ORDER BY reason"
        return {str(reason): int(count) for reason, count in await connection.fetch(sql, [self._ledger])}

    async def prune(self, connection: Connection, limit: int) -> None:
        """Forget the oldest resolved ones beyond `RESOLVED_MAX`, at most `limit`."""
        mark = self._dialect.mark
        resolved = f"FROM {names.QUARANTINE} WHERE ledger = {mark(1)} AND resolved_at IS NOT NULL"
        ((count,),) = await connection.fetch(f"SELECT count(*) {resolved}", [self._ledger])
        surplus = min(int(count) - RESOLVED_MAX, limit)
        if surplus <= 0:
            return
        oldest = self._dialect.limited(f"SELECT number {resolved} ORDER BY number", surplus)
        for (number,) in await connection.fetch(oldest, [self._ledger]):
            await connection.execute(f"DELETE FROM {names.QUARANTINE} WHERE number = {mark(1)}", [number])

    async def _forget(self, connection: Connection, keys: Sequence[Key]) -> None:
        for start in range(0, len(keys), KEYS_MAX):
            digests = [digest(key) for key in keys[start : start + KEYS_MAX]]
            sql = f"DELETE FROM {names.QUARANTINE} WHERE {self._where(len(digests))} AND resolved_at IS NULL"
            await connection.execute(sql, [self._ledger, *digests])

    async def _select(
        self, connection: Connection, where: str, args: Sequence[object], limit: int | None = None
    ) -> Sequence[Record]:
        sql = f"SELECT number, {self._columns} FROM {names.QUARANTINE} WHERE {where}"
        return await connection.fetch(sql if limit is None else self._dialect.limited(sql, limit), args)

    def _where(self, digests: int) -> str:
        marks = ", ".join(self._dialect.mark(at) for at in range(2, digests + 2))
        return f"ledger = {self._dialect.mark(1)} AND key_hash IN ({marks})"


def _shown(row: Row) -> str:
    """A row as text, its longest values cut where it is too long: it is for people, and is read anew to be applied."""
    text = encode(row)
    if len(text) <= ROW_CHARS_MAX:
        return text
    room = max(VALUE_CHARS_MIN, ROW_CHARS_MAX // (6 * len(row)))
    return encode({name: _cut(value, room) for name, value in row.items()})


def _cut(value: object, room: int) -> object:
    if isinstance(value, str | bytes):
        return value[:room]
    return value if len(encode((value,))) <= room else str(value)[:room]


def _standing(resolved: bool) -> str:  # noqa: FBT001 - a part of a statement
    return f"resolved_at IS {'NOT ' if resolved else ''}NULL"


def _written(one: Quarantined) -> tuple[object, ...]:
    target_key = None if one.target_key is None else encode(one.target_key)
    rows = [None if row is None else _shown(row) for row in (one.source_row, one.target_row)]
    head = encode(one.source_key), target_key, one.reason, one.detail, one.field, one.position
    return (*head, *rows, one.attempts, one.first_at, one.last_at, one.resolved_at, one.resolved_by, one.resolution)


def _read(record: Record) -> Quarantined:
    values = dict(zip(COLUMNS, record[1:], strict=True))
    values["source_key"] = decode_key(values["source_key"])
    values["target_key"] = None if values["target_key"] is None else decode_key(values["target_key"])
    for name in ("source_row", "target_row"):
        values[name] = None if values[name] is None else decode_row(values[name])
    return Quarantined(**values)
