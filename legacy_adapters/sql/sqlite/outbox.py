"""SQLite's outbox: one writer at a time, so that numbers follow the order of commits and have no gaps to wait for."""

from __future__ import annotations

from collections.abc import Sequence

from legacy_adapters.change import Cursor
from legacy_adapters.sql.capture import Delta
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.names import ORIGIN, trigger
from legacy_adapters.sql.outbox import OutboxCapture

_EVENTS = ("insert", "update", "delete", "replace", "rewrite")


class SQLiteOutbox(OutboxCapture):
    """The outbox of one table.

    A cursor has: `id` of the installation; `seq`, the greatest number that was read; and `anchor`, number and time of
    that line, which stays for as long as somebody stands on it.
    """

    notes = (
        "Capture sets the file's journal to WAL, so that readers and the writer do not wait for each other.",
        "What changes the file past its triggers (a copied file, a restored backup) is not captured: after that, "
        "verify and repair.",
    )

    def trigger_names(self) -> Sequence[str]:
        return [trigger(self.table.shape.table, event) for event in _EVENTS]

    def statements(self, first: int) -> Sequence[str]:
        insert, update, delete, replace, rewrite = (self.dialect.quote(name) for name in self.trigger_names())
        columns = [f"{column.name} {self.dialect.key_type(column)}" for column in self.key_columns()]
        on = f"ON {self.table.name} FOR EACH ROW"
        return (
            "PRAGMA journal_mode = WAL",
            "BEGIN IMMEDIATE",
            *self._dropped(),
            f"CREATE TABLE {self.place()} (seq INTEGER PRIMARY KEY AUTOINCREMENT, op TEXT NOT NULL, origin TEXT, "
            f"at REAL NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400.0), {', '.join(columns)})",
            f"INSERT INTO sqlite_sequence (name, seq) VALUES ('{self.name}', {first - 1:d})",
            f"CREATE TRIGGER {insert} AFTER INSERT {on} BEGIN {self._insert('I', 'NEW')} END",
            f"CREATE TRIGGER {update} AFTER UPDATE {on} BEGIN {self._insert('D', 'OLD', self._moved())} "
            f"{self._insert('U', 'NEW')} END",
            f"CREATE TRIGGER {delete} AFTER DELETE {on} BEGIN {self._insert('D', 'OLD')} END",
            f"CREATE TRIGGER {replace} BEFORE INSERT {on} BEGIN {self._replaced()} END",
            f"CREATE TRIGGER {rewrite} BEFORE UPDATE {on} BEGIN {self._replaced(' AND ' + self._other())} END",
            "COMMIT",
        )

    def removal(self) -> Sequence[str]:
        return ("BEGIN IMMEDIATE", *self._dropped(), "COMMIT")

    async def read(self, connection: Connection, cursor: Cursor | None, limit: int) -> Delta:
        await self.check(connection, cursor)
        if cursor is None:
            last = await connection.fetch(f"SELECT seq, at FROM {self.place()} ORDER BY seq DESC LIMIT 1")
            cursor = {"id": self._id, "seq": last[0][0] if last else 0, "anchor": list(last[0]) if last else None}
            return Delta((), cursor, more=False)
        if anchor := cursor.get("anchor"):
            found = await connection.fetch(f"SELECT at FROM {self.place()} WHERE seq = ?", [anchor[0]])
            self.require_anchor(anchor, found[0][0] if found else None)
        sql = (
            f"SELECT o.seq, o.origin, o.at, {self.selection()} FROM {self.place()} o "
            f"WHERE o.seq > ? ORDER BY o.seq LIMIT ?"
        )
        events = self.events(await connection.fetch(sql, [cursor["seq"], limit + 1]))
        more = len(events) > limit
        events = events[:limit]
        if events:
            cursor = {"id": self._id, "seq": events[-1].position, "anchor": [events[-1].position, events[-1].at]}
        return Delta(events, cursor, more)

    async def raise_numbers(self, connection: Connection, first: int) -> None:
        await connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", [first, self.name])

    async def forget(self, connection: Connection, cursors: Sequence[Cursor], limit: int) -> int:
        behind = min(cursor["seq"] for cursor in cursors)
        old = f"SELECT seq FROM {self.place()} WHERE seq < ? ORDER BY seq LIMIT ?"
        return await connection.execute(f"DELETE FROM {self.place()} WHERE seq IN ({old})", [behind, limit])

    def _dropped(self) -> tuple[str, ...]:
        triggers = [f"DROP TRIGGER IF EXISTS {self.dialect.quote(name)}" for name in self.trigger_names()]
        return (*triggers, f"DROP TABLE IF EXISTS {self.place()}")

    def place(self) -> str:
        return self.dialect.quote(self.name)

    def _insert(self, operation: str, record: str, condition: str = "") -> str:
        picked = ", ".join(f"{record}.{self.dialect.quote(name)}" for name in self.table.key)
        where = f" WHERE {condition}" if condition else ""
        return (
            f"INSERT INTO {self.place()} (op, origin, {', '.join(self.keys)}) "
            f"SELECT '{operation}', (SELECT origin FROM {ORIGIN}), {picked}{where};"
        )

    def _moved(self) -> str:
        quoted = [self.dialect.quote(name) for name in self.table.key]
        return " OR ".join(f"OLD.{name} IS NOT NEW.{name} COLLATE BINARY" for name in quoted)

    def _other(self) -> str:
        """That a row is not the one that is updated."""
        quoted = [self.dialect.quote(name) for name in self.table.key]
        return f"NOT ({' AND '.join(f't.{name} IS OLD.{name}' for name in quoted)})"

    def _replaced(self, condition: str = "") -> str:
        """Rows that OR REPLACE would take away: SQLite fires no trigger for them unless it is told to.

        A row that stays after all is only looked at once more.
        """
        uniques = [unique.columns for unique in self.table.shape.uniques if not unique.partial]
        uniques.append(self.table.shape.primary_key)
        picked = ", ".join(f"t.{self.dialect.quote(name)}" for name in self.table.key)
        parts = []
        for columns in uniques:
            quoted = [self.dialect.quote(name) for name in columns]
            if quoted:
                same = " AND ".join(f"t.{name} = NEW.{name}" for name in quoted)
                parts.append(
                    f"INSERT INTO {self.place()} (op, origin, {', '.join(self.keys)}) SELECT 'D', "
                    f"(SELECT origin FROM {ORIGIN}), {picked} FROM {self.table.name} t WHERE {same}{condition};"
                )
        return " ".join(parts) or "SELECT 1;"
