"""What SQLAlchemy's inspector says of a table, in our words."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import types

from legacy_adapters.errors import PlanError
from legacy_adapters.sql.dialect import Decoder
from legacy_adapters.sql.jsontext import json_value
from legacy_adapters.sql.shape import ForeignKey, TableShape, UniqueKey
from legacy_adapters.values.kinds import ColumnKind, Kind

if TYPE_CHECKING:
    from legacy_adapters.sql.generic.driver import GenericConnection

_KEY_CHARS = 190
#: Quotes around identifiers, of whatever database.
_UNQUOTED = str.maketrans("", "", '"`[]')
_KEY_BYTES = 255
#: The first that a type is an instance of decides: subclasses stand before what they derive from.
KINDS: tuple[tuple[type[types.TypeEngine[Any]], Kind], ...] = (
    (types.Boolean, Kind.BOOLEAN),
    (types.Integer, Kind.INTEGER),
    (types.Float, Kind.FLOAT),
    (types.Numeric, Kind.DECIMAL),
    (types.Enum, Kind.ENUM),
    (types.String, Kind.TEXT),
    (types.LargeBinary, Kind.BYTES),
    (types.BINARY, Kind.BYTES),
    (types.VARBINARY, Kind.BYTES),
    (types.DateTime, Kind.DATETIME),
    (types.Date, Kind.DATE),
    (types.Time, Kind.TIME),
    (types.Interval, Kind.INTERVAL),
    (types.Uuid, Kind.UUID),
    (types.JSON, Kind.JSON),
)


async def reflect(connection: GenericConnection, table: str) -> TableShape:
    """The table as it is now.

    Raises:
        PlanError: there is no such table.
    """
    schema, _, name = table.translate(_UNQUOTED).rpartition(".")
    shape: TableShape = await connection.run_sync(lambda sync: _inspect(sa.inspect(sync), schema or None, name))
    return shape


def _inspect(inspector: sa.Inspector, schema: str | None, table: str) -> TableShape:
    if not inspector.has_table(table, schema=schema):
        raise PlanError(f"the database has no table {table} that this user can see")
    primary = tuple(inspector.get_pk_constraint(table, schema=schema)["constrained_columns"])
    uniques = {
        str(one["name"]): UniqueKey(str(one["name"]), tuple(one["column_names"]))
        for one in inspector.get_unique_constraints(table, schema=schema)
    }
    for index in inspector.get_indexes(table, schema=schema):
        names = index["column_names"]
        if index["unique"]:
            found = tuple(str(name) for name in names if name is not None)
            unique = UniqueKey(str(index["name"]), found, partial=len(found) != len(names))
            uniques.setdefault(unique.name, unique)
    references = tuple(
        ForeignKey(
            str(one["name"]),
            table,
            tuple(one["constrained_columns"]),
            one["referred_table"],
            tuple(one["referred_columns"]),
            str(one.get("options", {}).get("ondelete", "NO ACTION")),
            str(one.get("options", {}).get("onupdate", "NO ACTION")),
        )
        for one in inspector.get_foreign_keys(table, schema=schema)
    )
    columns = tuple(_column(column, primary) for column in inspector.get_columns(table, schema=schema))
    server = inspector.dialect.name
    return TableShape(schema or "", table, columns, primary, tuple(uniques.values()), references, server=server)


def _column(column: Any, primary: tuple[str, ...]) -> ColumnKind:
    reflected = column["type"]
    kind = next((kind for known, kind in KINDS if isinstance(reflected, known)), Kind.OTHER)
    numeric = kind is Kind.DECIMAL
    return ColumnKind(
        name=column["name"],
        kind=kind,
        type_name=str(reflected),
        nullable=column["nullable"] and column["name"] not in primary,
        length=getattr(reflected, "length", None),
        fixed=isinstance(reflected, types.CHAR | types.NCHAR),
        bits=64 if isinstance(reflected, types.BigInteger) else None,
        precision=getattr(reflected, "precision", None) if numeric else None,
        scale=getattr(reflected, "scale", None) if numeric else None,
        zoned=bool(getattr(reflected, "timezone", False)),
        collation=getattr(reflected, "collation", None),
        members=tuple(getattr(reflected, "enums", ())),
        generated="computed" in column,
        identity="identity" in column,
        has_default=column.get("default") is not None,
    )


def own_type(column: ColumnKind) -> types.TypeEngine[Any]:
    """The type of a column of ours that keeps values of a key column."""
    made: dict[Kind, types.TypeEngine[Any]] = {
        Kind.BOOLEAN: sa.SmallInteger(),
        Kind.INTEGER: sa.BigInteger(),
        Kind.DECIMAL: sa.Numeric(column.precision or 38, column.scale or 0),
        Kind.FLOAT: sa.Float(53),
        Kind.BYTES: sa.VARBINARY(min(column.length or _KEY_BYTES, _KEY_BYTES)),
        Kind.DATE: sa.Date(),
        Kind.TIME: sa.Time(),
        Kind.DATETIME: sa.DateTime(),
        Kind.UUID: sa.String(36),
    }
    return made.get(column.kind, sa.Unicode(min(column.length or _KEY_CHARS, _KEY_CHARS)))


def decoder(column: ColumnKind) -> Decoder | None:
    """What makes a value of what a driver gives, which statements of text leave as it is."""
    decoders: dict[Kind, Decoder] = {
        Kind.BOOLEAN: lambda value: bool(value) if value in {0, 1} else value,
        Kind.DECIMAL: lambda value: value if isinstance(value, Decimal) else Decimal(str(value)),
        Kind.TEXT: lambda value: value.rstrip(" ") if column.fixed and isinstance(value, str) else value,
        Kind.BYTES: lambda value: bytes(value) if isinstance(value, bytearray | memoryview) else value,
        Kind.DATE: lambda value: dt.date.fromisoformat(value) if isinstance(value, str) else value,
        Kind.TIME: lambda value: dt.time.fromisoformat(value) if isinstance(value, str) else value,
        Kind.DATETIME: lambda value: dt.datetime.fromisoformat(value) if isinstance(value, str) else value,
        Kind.UUID: lambda value: uuid.UUID(value) if isinstance(value, str) else value,
        Kind.JSON: json_value,
    }
    return decoders.get(column.kind)
