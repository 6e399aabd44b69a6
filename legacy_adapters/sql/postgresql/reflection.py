"""What a PostgreSQL table is: its catalogue, read in one snapshot."""

from __future__ import annotations

import re
from collections.abc import Sequence

from legacy_adapters.errors import PlanError
from legacy_adapters.sql.connection import Connection, Record
from legacy_adapters.sql.shape import ForeignKey, TableShape, Trigger, UniqueKey
from legacy_adapters.values.kinds import ColumnKind, Kind

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_INTEGER_BITS = {"int2": 16, "int4": 32, "int8": 64, "oid": 32}
_FLOAT_BITS = {"float4": 32, "float8": 64}
_TEXTS = frozenset({"text", "varchar", "bpchar", "char", "name", "citext"})
_PLAIN = {
    "bool": Kind.BOOLEAN,
    "bytea": Kind.BYTES,
    "date": Kind.DATE,
    "interval": Kind.INTERVAL,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "jsonb": Kind.JSON,
    "numeric": Kind.DECIMAL,
}
_TIMES = {
    "time": (Kind.TIME, False),
    "timetz": (Kind.TIME, True),
    "timestamp": (Kind.DATETIME, False),
    "timestamptz": (Kind.DATETIME, True),
}
_VARLENA_BYTES = 4
_SECOND_DIGITS_MAX = 6
#: Bits of pg_trigger.tgtype.
_BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE, _INSTEAD = 2, 4, 8, 16, 32, 64

TABLE = """
SELECT c.oid, n.nspname, c.relname, c.relkind,
       (SELECT min(i.inhrelid::regclass::text) FROM pg_inherits i WHERE i.inhparent = c.oid),
       current_setting('server_version'),
       (SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database())
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass($1)
"""
COLUMNS = """
WITH RECURSIVE base(attnum, typid, typmod, nullable) AS (
    SELECT attnum, atttypid, atttypmod, true FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
  UNION ALL
    SELECT b.attnum, t.typbasetype, CASE WHEN t.typtypmod = -1 THEN b.typmod ELSE t.typtypmod END, NOT t.typnotnull
    FROM base b JOIN pg_type t ON t.oid = b.typid WHERE t.typtype = 'd'
)
SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname, b.typmod, a.attnotnull,
       a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), l.collname, l.collisdeterministic, t.typtype,
       (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)
FROM pg_attribute a
JOIN base b ON b.attnum = a.attnum
JOIN pg_type t ON t.oid = b.typid AND t.typtype <> 'd'
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = $1
ORDER BY a.attnum
"""
INDEXES = """
SELECT i.relname, x.indisprimary, x.indpred IS NOT NULL OR x.indexprs IS NOT NULL OR NOT x.indisvalid
       OR NOT x.indimmediate,
       ARRAY(SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY k(attnum, position)
             JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
             WHERE k.position <= x.indnkeyatts ORDER BY k.position)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = $1 AND x.indisunique
ORDER BY i.relname
"""
REFERENCES = """
SELECT c.conname, c.conrelid::regclass::text, n.nspname || '.' || t.relname,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, position)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.position),
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(attnum, position)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.position),
       c.confdeltype, c.confupdtype
FROM pg_constraint c JOIN pg_class t ON t.oid = c.confrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE c.contype = 'f' AND c.conrelid = $1
ORDER BY c.conname
"""
TRIGGERS = """
SELECT tgname, tgtype::int, tgenabled, oid::text || ':' || xmin::text || ':' || tgfoid::text
FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname
"""


async def reflect(connection: Connection, table: str) -> TableShape:
    """The table as it is in the connection's snapshot.

    Raises:
        PlanError: there is no such table.
    """
    found: Sequence[Record] = ()
    for reading in _readings(table):
        found = found or await connection.fetch(TABLE, [reading])
    if not found:
        raise PlanError(f"PostgreSQL has no table {table} that this user can see")
    oid, schema, name, relkind, child, version, encoding = found[0]
    if _text(relkind) not in "rp":
        raise PlanError(f"{table} is no table but a view or something else without rows of its own")
    if child is not None and _text(relkind) == "r":
        raise PlanError(
            f"{table} shows the rows of {child}, which inherits from it, and no trigger of {table} sees them change: "
            f"sync the tables that inherit, each by itself, or make {table} a partitioned table"
        )
    columns = tuple(_column(record, encoding) for record in await connection.fetch(COLUMNS, [oid]))
    indexes = await connection.fetch(INDEXES, [oid])
    references = await connection.fetch(REFERENCES, [oid])
    triggers = await connection.fetch(TRIGGERS, [oid])
    return TableShape(
        schema=schema,
        table=name,
        columns=columns,
        primary_key=next((tuple(columns) for _, primary, _, columns in indexes if primary), ()),
        uniques=tuple(
            UniqueKey(index, tuple(cols), partial) for index, primary, partial, cols in indexes if not primary
        ),
        references=tuple(map(_foreign_key, references)),
        triggers=tuple(map(_trigger, triggers)),
        server=f"PostgreSQL {version}",
    )


def _readings(table: str) -> list[str]:
    """What a table's name may mean: as it is written in statements, or else as it is, with its schema, or folded."""
    if table.startswith('"'):
        return [table]
    schema, dot, name = table.partition(".")
    parts = [[table], [schema, name]] if dot else [[table]]
    exact = [".".join('"' + part.replace('"', '""') + '"' for part in one) for one in parts]
    return [*exact, table] if re.fullmatch(r"\w+(\.\w+)?", table) else exact


def _text(value: object) -> str:
    """A value of the catalogue's type "char", which asyncpg gives as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _column(record: Record, encoding: str) -> ColumnKind:
    name, type_name, base, typmod, not_null, identity, generated, default, collation, deterministic, typtype, labels = (
        record
    )
    kind, zoned = _TIMES.get(base, (_PLAIN.get(base, Kind.OTHER), False))
    length, precision, scale, bits, fraction = None, None, None, None, _SECOND_DIGITS_MAX
    fixed = False
    if _text(typtype) == "e":
        kind = Kind.ENUM
    elif base in _INTEGER_BITS:
        kind, bits = Kind.INTEGER, _INTEGER_BITS[base]
    elif base in _FLOAT_BITS:
        kind, bits = Kind.FLOAT, _FLOAT_BITS[base]
    elif base in _TEXTS:
        kind, fixed = Kind.TEXT, base == "bpchar"
        length = typmod - _VARLENA_BYTES if typmod > 0 and base in {"varchar", "bpchar"} else None
    elif base in {"bit", "varbit"}:
        length = typmod if typmod > 0 else None
        kind = Kind.BOOLEAN if (base, length) == ("bit", 1) else Kind.OTHER
    elif kind is Kind.DECIMAL and typmod >= 0:
        precision, scale = _numeric(typmod - _VARLENA_BYTES)
    elif base in _TIMES and typmod >= 0:
        fraction = typmod
    return ColumnKind(
        name=name,
        kind=kind,
        type_name=type_name,
        nullable=not not_null,
        length=length,
        fixed=fixed,
        bits=bits,
        unsigned=base == "oid",
        precision=precision,
        scale=scale,
        fraction=fraction,
        zoned=zoned,
        charset=encoding if kind in {Kind.TEXT, Kind.ENUM} else None,
        collation=collation,
        case_sensitive=base != "citext" and deterministic is not False,
        members=tuple(labels or ()),
        generated=_text(generated) not in {"", "\0"},
        identity=_text(identity) not in {"", "\0"} or (default or "").startswith("nextval("),
        has_default=default is not None or _text(identity) not in {"", "\0"},
    )


def _numeric(packed: int) -> tuple[int, int]:
    """Precision and scale of a numeric's modifier: 16 bits each, the scale 11 bits with a sign since version 15."""
    scale = packed & 0x7FF
    return packed >> 16 & 0xFFFF, scale - 0x800 if scale & 0x400 else scale


def _foreign_key(record: Record) -> ForeignKey:
    name, table, referred, columns, referred_columns, on_delete, on_update = record
    deletes, updates = _ACTIONS[_text(on_delete)], _ACTIONS[_text(on_update)]
    return ForeignKey(name, table, tuple(columns), referred, tuple(referred_columns), deletes, updates)


def _trigger(record: Record) -> Trigger:
    name, bits, enabled, identity = record
    timing = "BEFORE" if bits & _BEFORE else "INSTEAD OF" if bits & _INSTEAD else "AFTER"
    names: Sequence[tuple[int, str]] = (
        (_INSERT, "INSERT"), (_UPDATE, "UPDATE"), (_DELETE, "DELETE"), (_TRUNCATE, "TRUNCATE"),
    )  # fmt: skip
    events = tuple(event for bit, event in names if bits & bit)
    return Trigger(name, timing, events, identity, _text(enabled) in {"O", "A"})
