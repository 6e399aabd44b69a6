"""MariaDB's outbox: every line that is visible, and memory for the numbers that are not (`gaps`)."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from legacy_adapters.change import Cursor
from legacy_adapters.errors import PlanError, StoreUnavailableError
from legacy_adapters.sql.capture import Delta, Event
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.mariadb import gaps as gap
from legacy_adapters.sql.mariadb.reflection import stamp_of, triggers_of
from legacy_adapters.sql.names import trigger
from legacy_adapters.sql.outbox import OutboxCapture
from legacy_adapters.sql.shape import TableShape
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Seconds between two looks at the open transactions: InnoDB keeps its list as it is while it is read more often than
#: every 0.1 s.
LISTING_INTERVAL_S: Final = 0.15
#: At most that many after looks that came too soon after somebody else's: each look puts off the next renewal.
LISTING_INTERVAL_MAX_S: Final = 2.0
#: Transactions that have written nothing are shown as 0 or with a number from here on; they have drawn nothing.
WRITER_ID_MAX: Final = 1 << 48
#: Gaps that are looked for in one statement.
GAPS_PER_READ: Final = 1_000
_EVENTS = ("insert", "update", "delete")
#: The error number of a missing PROCESS privilege.
_DENIED = "1227"


class MariaDBOutbox(OutboxCapture):
    """The outbox of one table.

    A cursor has: `id` of the installation; `seq`, the greatest number that was read; `anchor`, number and time of that
    line, which stays for as long as somebody stands on it; `gaps`, the numbers below it that were not visible.
    """

    notes = (
        "TRUNCATE, ALTER TABLE … PARTITION and statements of sessions that a superuser told to skip triggers are not "
        "captured: after them, verify and repair.",
        "Without the PROCESS privilege, numbers of rolled back writes are remembered for ever, and capture stops with "
        f"an alarm after {gap.GAPS_MAX} of them: GRANT PROCESS ON *.* to the user of the sync.",
    )
    _listed_at = 0.0
    _interval_s = LISTING_INTERVAL_S
    _may_list = True
    #: The stamp of the table, and what it was then.
    _known: tuple[str, TableShape] | None = None

    async def look(self, connection: Connection) -> TableShape:
        """The table as it is now: asked for in full only where it was altered, since catalogues are dear."""
        schema, name = self.table.shape.schema, self.table.shape.table
        stamp = await stamp_of(connection, schema, name)
        if stamp is None or self._known is None or self._known[0] != stamp:
            shape = await super().look(connection)
            self._known = None if stamp is None else (stamp, shape)
            return shape
        return replace(self._known[1], triggers=await triggers_of(connection, schema, name))

    def trigger_names(self) -> Sequence[str]:
        return [trigger(self.table.shape.table, event) for event in _EVENTS]

    def refuse(self, shape: TableShape) -> None:
        for key in shape.references:
            if key.cascades:
                raise PlanError(
                    f"the foreign key {key.name} of {shape.table} changes its rows by itself (ON DELETE "
                    f"{key.on_delete}, ON UPDATE {key.on_update}), and MariaDB fires no trigger for that: such changes "
                    "would be lost. Make it ON DELETE RESTRICT ON UPDATE RESTRICT and let the application, or a BEFORE "
                    f"trigger on {key.referred_table}, do what the key did; or capture {shape.table} by polling"
                )

    def statements(self, first: int) -> Sequence[str]:
        columns = [f"{column.name} {self._type(column)} NOT NULL" for column in self.key_columns()]
        schema = self.dialect.quote(self.table.shape.schema)
        insert, update, delete = (f"{schema}.{self.dialect.quote(name)}" for name in self.trigger_names())
        on = f"ON {self.table.name} FOR EACH ROW"
        return (
            *self.removal(),
            f"CREATE TABLE {self.place()} (seq bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, op char(1) CHARACTER SET "
            "ascii NOT NULL, origin varchar(64) CHARACTER SET utf8mb4, at timestamp(6) NOT NULL DEFAULT "
            f"CURRENT_TIMESTAMP(6), {', '.join(columns)}) ENGINE=InnoDB AUTO_INCREMENT={first:d}",
            f"CREATE TRIGGER {insert} AFTER INSERT {on} {self._insert('I', 'NEW')}",
            f"CREATE TRIGGER {update} AFTER UPDATE {on} BEGIN IF {self._moved()} THEN {self._insert('D', 'OLD')}; "
            f"END IF; {self._insert('U', 'NEW')}; END",
            f"CREATE TRIGGER {delete} AFTER DELETE {on} {self._insert('D', 'OLD')}",
        )

    def removal(self) -> Sequence[str]:
        schema = self.dialect.quote(self.table.shape.schema)
        triggers = [f"DROP TRIGGER IF EXISTS {schema}.{self.dialect.quote(name)}" for name in self.trigger_names()]
        return (*triggers, f"DROP TABLE IF EXISTS {self.place()}")

    async def read(self, connection: Connection, cursor: Cursor | None, limit: int) -> Delta:
        await self.check(connection, cursor)
        if cursor is None:
            return await self._begin(connection)
        anchor = cursor.get("anchor")
        if anchor:
            sql = f"SELECT UNIX_TIMESTAMP(o.at) FROM {self.place()} o WHERE o.seq = {anchor[0]:d}"
            there = await connection.fetch(sql)
            self.require_anchor(anchor, there[0][0] if there else None)
        known = gap.load(cursor["gaps"])
        filled = await self._filled(connection, known, limit)
        if len(filled) > limit:
            filled = filled[:limit]
            left = gap.settle(known, [event.position for event in filled], filled[-1].position)
            return Delta(filled, {**cursor, "gaps": gap.dump(left)}, more=True)
        left = gap.settle(known, [event.position for event in filled], None)
        fresh = await self._fresh(connection, cursor["seq"], limit - len(filled) + 1)
        more = len(filled) + len(fresh) > limit
        fresh = fresh[: limit - len(filled)]
        positions = [event.position for event in fresh]
        left += gap.between(cursor["seq"], positions)
        left = await self._listed(connection, left)
        last = positions[-1] if positions else cursor["seq"]
        anchor = [last, fresh[-1].at] if fresh else anchor
        return Delta([*filled, *fresh], {"id": self._id, "seq": last, "anchor": anchor, "gaps": gap.dump(left)}, more)

    async def forget(self, connection: Connection, cursors: Sequence[Cursor], limit: int) -> int:
        behind = min(cursor["seq"] for cursor in cursors)
        waiting = [(first, last) for cursor in cursors for first, last, _ in cursor["gaps"] if first <= behind]
        if len(waiting) > GAPS_PER_READ:
            behind = sorted(waiting)[GAPS_PER_READ][0] - 1
            waiting = sorted(waiting)[:GAPS_PER_READ]
        kept = "".join(f" AND NOT seq BETWEEN {first:d} AND {last:d}" for first, last in waiting)
        sql = f"DELETE FROM {self.place()} WHERE seq < {behind:d}{kept} ORDER BY seq LIMIT {limit:d}"
        return await connection.execute(sql)

    async def raise_numbers(self, connection: Connection, first: int) -> None:
        """By a line that nobody ever sees: ALTER TABLE would wait for every open write, and all others behind it."""
        keys, columns = ", ".join(self.keys), ", ".join(self.dialect.quote(name) for name in self.table.key)
        for picked, source in ((keys, self.place()), (columns, self.table.name)):
            await connection.begin()
            try:
                into = f"INSERT INTO {self.place()} (seq, op, {keys})"
                inserted = await connection.execute(f"{into} SELECT {first:d}, 'N', {picked} FROM {source} LIMIT 1")
            finally:
                await connection.rollback()
            if inserted:
                return

    async def _begin(self, connection: Connection) -> Delta:
        """Where the next read begins, with what is on its way right now as gaps."""
        numbered = f"SELECT seq, COALESCE(LAG(seq) OVER (ORDER BY seq), 0) AS previous FROM {self.place()}"
        sql = f"SELECT previous + 1, seq - 1 FROM ({numbered}) q WHERE seq > previous + 1 ORDER BY seq"
        missing = [gap.Gap(int(first), int(last)) for first, last in await connection.fetch(sql)]
        newest = f"SELECT seq, UNIX_TIMESTAMP(at) FROM {self.place()} ORDER BY seq DESC LIMIT 1"
        anchor = [[int(seq), float(at)] for seq, at in await connection.fetch(newest)]
        left = await self._listed(connection, missing)
        cursor = {"id": self._id, "seq": anchor[0][0] if anchor else 0, "anchor": anchor[0] if anchor else None}
        return Delta((), {**cursor, "gaps": gap.dump(left)}, more=False)

    async def _fresh(self, connection: Connection, after: int, limit: int) -> list[Event]:
        where = f"o.seq > {after:d} ORDER BY o.seq LIMIT {limit:d}"
        return self.events(await connection.fetch(f"{self._select()} WHERE {where}"))

    async def _filled(self, connection: Connection, known: Sequence[gap.Gap], limit: int) -> list[Event]:
        """Lines that are there now and were missing; one more than `limit` where there are more."""
        found: list[Event] = []
        for start in range(0, len(known), GAPS_PER_READ):
            part = known[start : start + GAPS_PER_READ]
            ranges = " OR ".join(f"o.seq BETWEEN {one.first:d} AND {one.last:d}" for one in part)
            sql = f"{self._select()} WHERE {ranges} ORDER BY o.seq LIMIT {limit + 1 - len(found):d}"
            found += self.events(await connection.fetch(sql))
            if len(found) > limit:
                break
        return found

    async def _listed(self, connection: Connection, left: list[gap.Gap]) -> list[gap.Gap]:
        """The gaps with the transactions that they wait for, where it is time to look and the list is of now."""
        now = time.monotonic()
        if not left or not self._may_list or now - self._listed_at < self._interval_s:
            return left
        self._listed_at = now
        open_now = await self._open_transactions(connection)
        if open_now is None:
            # Several syncs that look in step would never see a list of now: each waits for a time of its own.
            self._interval_s = min(2 * self._interval_s, LISTING_INTERVAL_MAX_S) * random.uniform(0.7, 1.3)  # noqa: S311
            return left
        self._interval_s = LISTING_INTERVAL_S
        return [one.listed(open_now) for one in left]

    async def _open_transactions(self, connection: Connection) -> frozenset[int] | None:
        """Numbers of the transactions that have written; None where the list is not of this moment.

        InnoDB answers from a copy. The copy is of now if it shows this very query.
        """
        nonce = secrets.token_hex(8)
        sql = f"SELECT /* {nonce} */ trx_id, trx_query FROM information_schema.INNODB_TRX"
        try:
            records = await connection.fetch(sql)
        except StoreUnavailableError as error:
            if _DENIED not in str(error):
                raise
            self._may_list = False
            return None
        if not any(nonce in str(query or "") for _, query in records):
            return None
        return frozenset(number for record in records if 0 < (number := int(record[0])) < WRITER_ID_MAX)

    def _select(self) -> str:
        return f"SELECT o.seq, o.origin, UNIX_TIMESTAMP(o.at), {self.selection()} FROM {self.place()} o"

    def place(self) -> str:
        return f"{self.dialect.quote(self.table.shape.schema)}.{self.dialect.quote(self.name)}"

    def _type(self, column: ColumnKind) -> str:
        """A key column in the outbox: of the very type, since it only holds what the table holds."""
        character = f" CHARACTER SET {column.charset} COLLATE {column.collation}" if column.charset else ""
        return f"{column.type_name}{character}"

    def _insert(self, operation: str, record: str) -> str:
        picked = ", ".join(f"{record}.{self.dialect.quote(name)}" for name in self.table.key)
        into = f"INSERT INTO {self.place()} (op, origin, {', '.join(self.keys)})"
        return f"{into} VALUES ('{operation}', @strangler_origin, {picked})"

    def _moved(self) -> str:
        """Whether the key is another one, by its bytes: a collation may take `A` for `a`."""
        parts = []
        for column in self.table.key_columns:
            name = self.dialect.quote(column.name)
            if column.kind in {Kind.TEXT, Kind.ENUM}:
                parts.append(f"CAST(OLD.{name} AS BINARY) <> CAST(NEW.{name} AS BINARY)")
            else:
                parts.append(f"OLD.{name} <> NEW.{name}")
        return " OR ".join(parts)
