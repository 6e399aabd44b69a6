"""What a MariaDB or MySQL table is: information_schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from legacy_adapters.errors import PlanError
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.shape import ForeignKey, TableShape, Trigger, UniqueKey
from legacy_adapters.values.kinds import ColumnKind, Kind

_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64, "year": 16}
_FLOAT_BITS = {"float": 32, "double": 64, "real": 64}
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "set"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_PLAIN = {
    "decimal": Kind.DECIMAL,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "datetime": Kind.DATETIME,
    "timestamp": Kind.DATETIME,
    "json": Kind.JSON,
    "enum": Kind.ENUM,
    "uuid": Kind.UUID,
}

_HERE = "TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
TABLE = "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, VERSION() FROM information_schema.TABLES WHERE {where}"
STAMP = (
    "SELECT CREATE_TIME, CREATE_TIME < NOW() - INTERVAL 2 SECOND, VERSION() FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)
COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, "
    "NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_DEFAULT, EXTRA "
    "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)
INDEXES = (
    "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"
)
#: Columns and rules of foreign keys by two statements for one table: joined, and with the keys of other tables, they
#: crashed MariaDB 10.11.19 once.
REFERENCES = (
    "SELECT CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME "
    "FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s "
    "AND REFERENCED_TABLE_NAME IS NOT NULL ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION"
)
RULES = (
    "SELECT CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS "
    "WHERE CONSTRAINT_SCHEMA = %s AND TABLE_NAME = %s"
)
TRIGGERS = (
    "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, "
    "MD5(CONCAT_WS('|', CREATED, ACTION_STATEMENT, SQL_MODE, DEFINER)) FROM information_schema.TRIGGERS "
    "WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s ORDER BY TRIGGER_NAME"
)
#: JSON is a text with a check in MariaDB.
JSON_CHECKS = (
    "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS "
    "WHERE CONSTRAINT_SCHEMA = %s AND TABLE_NAME = %s AND CHECK_CLAUSE LIKE 'json_valid(%%'"
)


async def reflect(connection: Connection, table: str) -> TableShape:
    """The table as it is now.

    Raises:
        PlanError: there is no such table, or its engine has no transactions.
    """
    schema, name, storage, version = await _find(connection, table)
    where = [schema, name]
    jsons: set[str] = set()
    if "MariaDB" in version:
        found = await connection.fetch(JSON_CHECKS, where)
        jsons = {match[1] for (clause,) in found if (match := re.fullmatch(r"json_valid\(`(.+)`\)", str(clause)))}
    columns = tuple(_column(list(record), jsons) for record in await connection.fetch(COLUMNS, where))
    primary, uniques = _uniques(await connection.fetch(INDEXES, where))
    references = await connection.fetch(REFERENCES, where)
    rules = await connection.fetch(RULES, where) if references else []
    return TableShape(
        schema=schema,
        table=name,
        columns=columns,
        primary_key=primary,
        uniques=uniques,
        references=_foreign_keys(f"{schema}.{name}", references, rules),
        triggers=await triggers_of(connection, schema, name),
        storage=storage,
        server=version if "MariaDB" in version else f"MySQL {version}",
    )


async def triggers_of(connection: Connection, schema: str, name: str) -> tuple[Trigger, ...]:
    """The triggers of a table."""
    found = await connection.fetch(TRIGGERS, [schema, name])
    return tuple(Trigger(one, timing, (event,), mark) for one, timing, event, mark in found)


async def stamp_of(connection: Connection, schema: str, name: str) -> str | None:
    """What changes with every ALTER TABLE of a table; None where that cannot be told, or it was altered just now.

    It is the time of the table's definition in whole seconds, so that it tells nothing of what follows in the same one.
    """
    found = await connection.fetch(STAMP, [schema, name])
    if not found or "MariaDB" not in str(found[0][2]) or not found[0][1]:
        return None
    return str(found[0][0])


def _readings(table: str) -> list[list[str]]:
    """What a table's name may mean: as it is written in statements, or else as it is, or else with its schema."""
    quoted = [part.replace("``", "`") for part in re.findall(r"`((?:[^`]|``)*)`", table)]
    if quoted and ".".join("`" + part.replace("`", "``") + "`" for part in quoted) == table:
        return [quoted]
    schema, dot, name = table.partition(".")
    return [[table], [schema, name]] if dot else [[table]]


async def _find(connection: Connection, table: str) -> tuple[str, str, str, str]:
    found: Sequence[Sequence[Any]] = ()
    for parts in _readings(table):
        where = "TABLE_SCHEMA = %s AND TABLE_NAME = %s" if len(parts) > 1 else _HERE
        found = found or await connection.fetch(TABLE.format(where=where), parts)
    if not found:
        raise PlanError(f"MariaDB has no table {table} that this user can see")
    schema, name, kind, storage, version = map(str, found[0])
    if kind not in {"BASE TABLE", "SYSTEM VERSIONED"}:
        raise PlanError(f"{table} is no table but a {kind.lower()}")
    if storage.lower() != "innodb":
        raise PlanError(
            f"the table {table} is kept by {storage}, which has no transactions: what is captured and what is written "
            f"could part ways. Move it first: ALTER TABLE {table} ENGINE=InnoDB"
        )
    return schema, name, storage, version


def _column(record: list[Any], jsons: set[str]) -> ColumnKind:
    name, data, full, nullable, length, precision, scale, fraction, charset, collation, default, extra = record
    extra = str(extra).lower()
    kind, bits = _PLAIN.get(data, Kind.OTHER), None
    if name in jsons:
        kind = Kind.JSON
    elif data in _INTEGER_BITS:
        kind, bits = Kind.INTEGER, _INTEGER_BITS[data]
    elif data in _FLOAT_BITS:
        kind, bits = Kind.FLOAT, _FLOAT_BITS[data]
    elif data == "bit":
        kind, bits = (Kind.BOOLEAN, None) if precision == 1 else (Kind.INTEGER, int(precision))
    elif data in _TEXTS:
        kind = Kind.TEXT
    elif data in _BYTES:
        kind = Kind.BYTES
    members = re.findall(r"'((?:[^']|'')*)'", str(full)) if data == "enum" else []
    collation = None if collation is None else str(collation)
    return ColumnKind(
        name=str(name),
        kind=kind,
        type_name=str(full),
        nullable=nullable == "YES",
        length=None if length is None or kind is Kind.JSON else int(length),
        fixed=data in {"char", "binary"},
        bits=bits,
        unsigned="unsigned" in str(full) or data in {"year", "bit"},
        precision=int(precision) if kind is Kind.DECIMAL else None,
        scale=int(scale) if kind is Kind.DECIMAL else None,
        fraction=0 if fraction is None else int(fraction),
        zoned=data == "timestamp",
        charset=None if charset is None else str(charset),
        collation=collation,
        case_sensitive=collation is None or collation.endswith(("_bin", "_cs")) or collation == "binary",
        members=tuple(member.replace("''", "'") for member in members),
        generated="generated" in extra and "default_generated" not in extra,
        identity="auto_increment" in extra,
        auto_update="on update" in extra,
        has_default=(default is not None and str(default).upper() != "NULL") or "auto_increment" in extra,
        zero_dates=data in {"date", "datetime", "timestamp"},
    )


def _uniques(records: Sequence[Sequence[Any]]) -> tuple[tuple[str, ...], tuple[UniqueKey, ...]]:
    by_name: dict[str, list[Sequence[Any]]] = {}
    for record in records:
        by_name.setdefault(str(record[0]), []).append(record)
    primary = tuple(str(column) for _, column, _ in by_name.pop("PRIMARY", []))
    uniques = [
        UniqueKey(
            name,
            tuple(str(column) for _, column, _ in parts if column is not None),
            partial=any(column is None or sub_part is not None for _, column, sub_part in parts),
        )
        for name, parts in by_name.items()
    ]
    return primary, tuple(uniques)


def _foreign_keys(
    table: str, records: Sequence[Sequence[Any]], rules: Sequence[Sequence[Any]]
) -> tuple[ForeignKey, ...]:
    by_name: dict[str, list[Sequence[Any]]] = {}
    for record in records:
        by_name.setdefault(str(record[0]), []).append(record)
    actions = {str(name): (str(on_delete), str(on_update)) for name, on_delete, on_update in rules}
    return tuple(
        ForeignKey(
            name,
            table,
            tuple(str(part[1]) for part in parts),
            f"{parts[0][2]}.{parts[0][3]}",
            tuple(str(part[4]) for part in parts),
            *actions[name],
        )
        for name, parts in by_name.items()
        if name in actions  # else it was dropped between the two looks
    )
