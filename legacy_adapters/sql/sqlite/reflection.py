"""What a SQLite table is: pragmas and the statements that made it."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from typing import Any

from legacy_adapters.errors import PlanError
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.shape import ForeignKey, TableShape, Trigger, UniqueKey
from legacy_adapters.values.kinds import ColumnKind, Kind

#: What a declared type holds -> its kind; the first that is in it decides, and DATETIME is before DATE.
KINDS = (
    ("BOOL", Kind.BOOLEAN),
    ("INT", Kind.INTEGER),
    ("DATETIME", Kind.DATETIME),
    ("TIMESTAMP", Kind.DATETIME),
    ("DATE", Kind.DATE),
    ("TIME", Kind.TIME),
    ("JSON", Kind.JSON),
    ("UUID", Kind.UUID),
    ("CHAR", Kind.TEXT),
    ("CLOB", Kind.TEXT),
    ("TEXT", Kind.TEXT),
    ("BLOB", Kind.BYTES),
    ("REAL", Kind.FLOAT),
    ("FLOA", Kind.FLOAT),
    ("DOUB", Kind.FLOAT),
    ("DEC", Kind.DECIMAL),
    ("NUM", Kind.DECIMAL),
)
_BITS = 64
_GENERATED = {2, 3}
_HIDDEN = 1


async def reflect(connection: Connection, table: str) -> TableShape:
    """The table as it is in the connection's snapshot.

    Raises:
        PlanError: there is no such table.
    """
    sql = "SELECT name, type, sql FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')"
    found = await connection.fetch(sql, [table])
    if not found:
        raise PlanError(f"SQLite has no table {table}")
    name, kind, statement = found[0]
    if kind != "table" or str(statement).upper().startswith("CREATE VIRTUAL"):
        raise PlanError(f"{table} is no table but a {'view' if kind == 'view' else 'virtual table'}")
    records = [tuple(one) for one in await connection.fetch("SELECT * FROM pragma_table_xinfo(?)", [name])]
    visible = [record for record in records if record[6] != _HIDDEN]
    primary = [record for record in sorted(visible, key=lambda record: record[5]) if record[5]]
    uniques, collations = await _indexes(connection, name, tuple(record[1] for record in primary))
    alias = primary[0][1] if len(primary) == 1 and str(primary[0][2]).upper() == "INTEGER" else ""
    columns = tuple(_column(record, collations.get(record[1]), alias=record[1] == alias) for record in visible)
    references = await _references(connection, name)
    return TableShape(
        schema="",
        table=name,
        columns=columns,
        primary_key=tuple(record[1] for record in primary),
        uniques=uniques,
        references=references,
        triggers=await _triggers(connection, name),
        server=f"SQLite {sqlite3.sqlite_version}",
    )


def _column(record: tuple[Any, ...], collation: str | None, *, alias: bool) -> ColumnKind:
    _, name, declared, not_null, default, primary, hidden = record
    upper = str(declared).upper()
    kind = next((kind for part, kind in KINDS if part in upper), Kind.OTHER)
    sizes = [int(size) for size in re.findall(r"\d+", upper.partition("(")[2])]
    return ColumnKind(
        name=name,
        kind=kind,
        type_name=declared,
        nullable=not (not_null or primary),
        length=None,
        bits=_BITS if kind in {Kind.INTEGER, Kind.FLOAT} else None,
        precision=sizes[0] if kind is Kind.DECIMAL and sizes else None,
        scale=(sizes[1] if len(sizes) > 1 else 0) if kind is Kind.DECIMAL and sizes else None,
        charset="utf8" if kind is Kind.TEXT else None,
        collation=collation,
        case_sensitive=collation in {None, "BINARY"},
        generated=hidden in _GENERATED,
        identity=alias,
        has_default=default is not None or alias,
    )


async def _indexes(
    connection: Connection, table: str, primary: tuple[str, ...]
) -> tuple[tuple[UniqueKey, ...], dict[str, str]]:
    """Unique keys beside the primary one, and the collations by which indexed columns are compared."""
    uniques: list[UniqueKey] = []
    collations: dict[str, str] = {}
    sql = 'SELECT name, origin, partial FROM pragma_index_list(?) WHERE "unique" = 1 ORDER BY name'
    for index, origin, partial in await connection.fetch(sql, [table]):
        wanted = "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno"
        parts = [tuple(part) for part in await connection.fetch(wanted, [index])]
        names = tuple(name for name, _ in parts if name is not None)
        collations.update({name: coll for name, coll in parts if name is not None and coll != "BINARY"})
        if origin != "pk" and names != primary:
            uniques.append(UniqueKey(index, names, partial=bool(partial) or len(names) != len(parts)))
    return tuple(uniques), collations


async def _references(connection: Connection, table: str) -> tuple[ForeignKey, ...]:
    sql = 'SELECT id, "table", "from", "to", on_delete, on_update FROM pragma_foreign_key_list(?) ORDER BY id, seq'
    by_id: dict[int, list[tuple[Any, ...]]] = {}
    for record in await connection.fetch(sql, [table]):
        by_id.setdefault(record[0], []).append(tuple(record))
    return tuple(
        ForeignKey(
            f"{table}_{number}",
            table,
            tuple(str(part[2]) for part in parts),
            str(parts[0][1]),
            tuple(str(part[3] or "") for part in parts),
            str(parts[0][4]),
            str(parts[0][5]),
        )
        for number, parts in by_id.items()
    )


async def _triggers(connection: Connection, table: str) -> tuple[Trigger, ...]:
    sql = (
        "SELECT rowid, name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE "
        "ORDER BY name"
    )
    found = []
    for rowid, name, statement in await connection.fetch(sql, [table]):
        head = str(statement).upper().partition(" ON ")[0]
        timing = "BEFORE" if "BEFORE" in head else "AFTER"
        events = tuple(event for event in ("INSERT", "UPDATE", "DELETE") if event in head)
        identity = f"{rowid}:{hashlib.sha256(str(statement).encode()).hexdigest()[:16]}"
        found.append(Trigger(name, timing, events, identity))
    return tuple(found)


def unquoted(name: str) -> str:
    """A name as it is, of one as it is written in statements or as it is."""
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name
