"""PostgreSQL's outbox: PgQ's rule, which takes each event once, in the order of each key, and waits for nobody.

A line keeps the transaction's number. A read takes what is visible in its own snapshot and was not in the last one's,
by sequence number (https://github.com/pgq/pgq, "batch = what became visible between two ticks"). The usual
`xid < pg_snapshot_xmin(…) ORDER BY xid, seq` reorders the writes of a key, and waits for the oldest transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from legacy_adapters.change import Cursor
from legacy_adapters.sql.capture import Delta
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.names import fitting, trigger
from legacy_adapters.sql.outbox import OutboxCapture
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Marks of the low water that a cursor keeps at most.
MARKS_MAX: Final = 16
#: What is visible now, the greatest number, which life of which cluster this is, and the time of the anchor's line.
#: Numbers of transactions mean nothing in another life: one that came from a standby or a backup gives them out again.
_NOW: Final = (
    "SELECT s, m, line, (SELECT extract(epoch FROM a.at) FROM {0} a WHERE a.seq = coalesce($1::bigint, m)) "
    "FROM (SELECT pg_current_snapshot()::text AS s, coalesce(max(seq), 0) AS m, "
    "(SELECT system_identifier::text FROM pg_control_system()) || ':' || "
    "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS line FROM {0}) q"
)
#: A snapshot that saw nothing: what the outbox still has is read again, and found applied.
_NOTHING: Final = "1:1:"
#: Kinds whose equal values are the same value.
_BY_VALUE = frozenset({Kind.INTEGER, Kind.UUID, Kind.BOOLEAN})


class PostgreSQLOutbox(OutboxCapture):
    """The outbox of one table.

    A cursor has: `id` of the installation; `seen`, the snapshot whose events are consumed; `low`, a sequence number up
    to which nothing can come any more; `marks`, from which `low` follows (see `_raised`); `anchor`, number and time of
    the greatest line that was read, which stays for as long as somebody stands on it; `line`, the life of the cluster
    in which transactions have their numbers; and, while the events between two snapshots are more than one read takes,
    `until`, the newer snapshot, and `after`, the number read last.
    """

    notes = (
        "PostgreSQL fires triggers for cascading foreign keys and captures TRUNCATE, so that every write is captured, "
        "except by sessions that a superuser has set `session_replication_role` for and that switch triggers off.",
    )

    def trigger_names(self) -> Sequence[str]:
        return trigger(self.table.shape.table, "row"), trigger(self.table.shape.table, "truncate")

    def statements(self, first: int) -> Sequence[str]:
        outbox, table = self.place(), self.table.name
        row, truncate = map(self.dialect.quote, self.trigger_names())
        of_row, of_truncate = self._functions()
        columns = [f"{column.name} {self.dialect.key_type(column)} NOT NULL" for column in self.key_columns()]
        return (
            "BEGIN",
            *self._dropped(),
            f"CREATE TABLE {outbox} (seq bigint GENERATED ALWAYS AS IDENTITY (START WITH {first:d} CACHE 1) PRIMARY KEY"
            f', xid xid8 NOT NULL DEFAULT pg_current_xact_id(), op "char" NOT NULL, origin text, '
            f"at timestamptz NOT NULL DEFAULT clock_timestamp(), {', '.join(columns)}) "
            "WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, "
            "autovacuum_vacuum_insert_threshold = -1)",
            f"CREATE FUNCTION {of_row}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            f"AS $strangler$ {self._row_body()} $strangler$",
            f"CREATE FUNCTION {of_truncate}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            f"AS $strangler$ {self._truncate_body()} $strangler$",
            f"CREATE TRIGGER {row} AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {of_row}()",
            f"CREATE TRIGGER {truncate} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {of_truncate}()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {row}",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {truncate}",
            "COMMIT",
        )

    def removal(self) -> Sequence[str]:
        return ("BEGIN", *self._dropped(), "COMMIT")

    async def read(self, connection: Connection, cursor: Cursor | None, limit: int) -> Delta:
        await self.check(connection, cursor)
        anchor = None if cursor is None else cursor.get("anchor")
        ((snapshot, greatest, line, at),) = await connection.fetch(_NOW.format(self.place()), [anchor and anchor[0]])
        if cursor is None:
            marks, anchor = [[_xmax(snapshot), greatest]], [greatest, float(at)] if greatest else None
            place = {"id": self._id, "seen": snapshot, "low": 0, "marks": marks, "anchor": anchor, "line": line}
            return Delta((), place, more=False)
        if anchor:
            self.require_anchor(anchor, at)
        if cursor.get("line") != line:
            cursor = {**_ended(cursor), "line": line, "seen": _NOTHING, "low": 0, "marks": []}
        window, args = "", [cursor["seen"], max(cursor["low"], cursor.get("after", 0)), limit + 1]
        if "until" in cursor:
            window = " AND pg_visible_in_snapshot(o.xid, $4::text::pg_snapshot)"
            args.append(cursor["until"])
        sql = (
            f"SELECT o.seq, o.origin, extract(epoch FROM o.at), {self.selection()} FROM {self.place()} o "
            f"WHERE o.seq > $2 AND NOT pg_visible_in_snapshot(o.xid, $1::text::pg_snapshot){window} "
            "ORDER BY o.seq LIMIT $3"
        )
        events = self.events(await connection.fetch(sql, args))
        until = cursor.get("until", snapshot)
        raised = _raised(cursor, snapshot, greatest)
        taken = events[:limit]
        if taken and (anchor is None or taken[-1].position > anchor[0]):
            raised["anchor"] = [taken[-1].position, taken[-1].at]
        if len(events) > limit:
            events = events[:limit]
            unfinished = {**raised, "until": until, "after": events[-1].position}
            return Delta(events, unfinished, more=True)
        return Delta(events, {**_ended(raised), "seen": until}, more="until" in cursor)

    async def raise_numbers(self, connection: Connection, first: int) -> None:
        sequence = "pg_get_serial_sequence($1, 'seq')"
        sql = (
            f"SELECT setval({sequence}, $2) WHERE has_sequence_privilege({sequence}, 'UPDATE') "
            f"AND coalesce(pg_sequence_last_value({sequence}), 0) < $2"
        )
        await connection.fetch(sql, [self.place(), first])

    async def forget(self, connection: Connection, cursors: Sequence[Cursor], limit: int) -> int:
        seen = [cursor["seen"] for cursor in cursors]
        behind = " AND ".join(
            f"pg_visible_in_snapshot(xid, ${at}::text::pg_snapshot)" for at in range(1, len(seen) + 1)
        )
        anchors = [anchor[0] if (anchor := cursor.get("anchor")) else 0 for cursor in cursors]
        old = f"SELECT seq FROM {self.place()} WHERE {behind} AND seq < {min(anchors):d} ORDER BY seq LIMIT {limit:d}"
        return await connection.execute(f"DELETE FROM {self.place()} WHERE seq IN ({old})", seen)

    def place(self) -> str:
        return self._beside(self.name)

    def _beside(self, name: str) -> str:
        """A name in the table's schema."""
        return f"{self.dialect.quote(self.table.shape.schema)}.{self.dialect.quote(name)}"

    def _functions(self) -> tuple[str, str]:
        row, truncate = self.trigger_names()
        return self._beside(fitting(f"{row}_f")), self._beside(fitting(f"{truncate}_f"))

    def _dropped(self) -> tuple[str, ...]:
        triggers = [
            f"DROP TRIGGER IF EXISTS {self.dialect.quote(one)} ON {self.table.name}" for one in self.trigger_names()
        ]
        functions = [f"DROP FUNCTION IF EXISTS {function}()" for function in self._functions()]
        return (*triggers, *functions, f"DROP TABLE IF EXISTS {self.place()}")

    def _insert(self, operation: str, record: str, ending: str = "") -> str:
        """Writes a line.

        The function runs with its owner's rights and without a search path of its own, which would cost a sixth of it:
        so every name in it, operators too, says where it is from.
        """
        picked = ", ".join(self._picked(column, record) for column in self.table.key_columns)
        origin = "pg_catalog.current_setting('strangler.origin', true)"
        into = f"INSERT INTO {self.place()} (op, origin, {', '.join(self.keys)})"
        return f"{into} SELECT '{operation}', {origin}, {picked}{ending};" if ending else (
            f"{into} VALUES ('{operation}', {origin}, {picked});"
        )  # fmt: skip

    def _picked(self, column: ColumnKind, record: str) -> str:
        name = f"{record}{self.dialect.quote(column.name)}"
        return f"{name}::pg_catalog.text" if column.fixed else name

    def _row_body(self) -> str:
        moved = " OR ".join(map(self._moved, self.table.key_columns))
        return (
            f"BEGIN IF TG_OP = 'UPDATE' THEN IF {moved} THEN {self._insert('D', 'OLD.')} END IF; "
            f"{self._insert('U', 'NEW.')} "
            f"ELSIF TG_OP = 'INSERT' THEN {self._insert('I', 'NEW.')} "
            f"ELSE {self._insert('D', 'OLD.')} END IF; RETURN NULL; END"
        ).replace("TG_OP =", "TG_OP OPERATOR(pg_catalog.=)")

    def _moved(self, column: ColumnKind) -> str:
        """Whether the key is another one; as text, where a collation may take two keys for one that are not."""
        name = self.dialect.quote(column.name)
        text = "" if column.kind in _BY_VALUE else "::pg_catalog.text"
        return f"OLD.{name}{text} OPERATOR(pg_catalog.<>) NEW.{name}{text}"

    def _truncate_body(self) -> str:
        return f"BEGIN {self._insert('D', '', f' FROM {self.table.name}')} RETURN NULL; END"


def _ended(cursor: Cursor) -> Cursor:
    """A cursor that is not in the middle of a window."""
    return {name: value for name, value in cursor.items() if name not in {"until", "after"}}


def _xmin(snapshot: str) -> int:
    return int(snapshot.split(":", maxsplit=1)[0])


def _xmax(snapshot: str) -> int:
    return int(snapshot.split(":")[1])


def _raised(cursor: Cursor, snapshot: str, greatest: int) -> dict[str, Any]:
    """The cursor with the low water where it is now.

    A mark (x, m) was taken in a snapshot that ended at transaction x and whose greatest number was m. A transaction
    from x on drew its numbers later, so they are above m. Once every transaction below x has ended, no line up to m is
    to come: what there is of them is visible. Until the window under way is read, the low water stays below it.
    """
    marks = [list(mark) for mark in cursor["marks"]]
    low = cursor["low"]
    if "until" not in cursor:
        xmin = _xmin(cursor["seen"])
        ripe = [mark for mark in marks if mark[0] <= xmin]
        low = max([low, *(mark[1] for mark in ripe)])
        marks = [mark for mark in marks if mark[0] > xmin]
    top = [_xmax(snapshot), max([greatest, low, *(mark[1] for mark in marks)])]
    if not marks or marks[-1] != top:
        marks.append(top)
    # Too many: every other one goes, never the newest; a missing mark only raises the low water later.
    return {**cursor, "low": low, "marks": marks if len(marks) <= MARKS_MAX else [*marks[:-1:2], marks[-1]]}
