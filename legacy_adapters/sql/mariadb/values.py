"""Values of MariaDB's and MySQL's columns: how they are read, written out and hashed."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Callable, Sequence
from decimal import MAX_PREC, Context, Decimal
from typing import Any, Final

from asyncmy.converters import escape_string

from legacy_adapters.sql.connection import RefusedError
from legacy_adapters.sql.dialect import Decoder
from legacy_adapters.sql.jsontext import json_text, json_value
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Sorts by bytes and takes blanks at the end for what they are.
BINARY_TEXT: Final = {True: "utf8mb4_nopad_bin", False: "utf8mb4_0900_bin"}
#: An index has 3,072 bytes, a character up to four.
KEY_CHARS_MAX: Final = 255
KEY_BYTES_MAX: Final = 700
_BITS_MAX: Final = 64
_DECIMAL = (65, 30)
_DAY = dt.timedelta(days=1)
_MIDNIGHT = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_ZERO = dt.timedelta(0)

#: Kinds whose text never holds what separates the parts of a hash.
_BARE = frozenset(
    {Kind.BOOLEAN, Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.UUID}
)
#: Types whose values are within the row, which has 65,535 bytes of them all together.
_IN_ROW = ("char", "varchar", "binary", "varbinary", "enum", "set")


def column_type(column: ColumnKind, *, mariadb: bool) -> str:
    """The type of a column of ours that keeps such values; text sorts by its bytes."""
    if column.kind is Kind.TEXT or column.kind is Kind.ENUM:
        length = min(column.length or KEY_CHARS_MAX, KEY_BYTES_MAX)
        return f"varchar({length}) CHARACTER SET utf8mb4 COLLATE {BINARY_TEXT[mariadb]}"
    if column.kind is Kind.BYTES:
        return f"varbinary({min(column.length or KEY_BYTES_MAX, KEY_BYTES_MAX)})"
    if column.kind is Kind.DECIMAL:
        precision, scale = (column.precision, column.scale) if column.precision else _DECIMAL
        return f"decimal({min(precision or 0, _DECIMAL[0])},{max(0, min(scale or 0, _DECIMAL[1]))})"
    if column.kind is Kind.INTEGER:
        return "bigint unsigned" if column.unsigned and column.bits == _BITS_MAX else "bigint"
    return {
        Kind.BOOLEAN: "tinyint",
        Kind.FLOAT: "double",
        Kind.DATE: "date",
        Kind.DATETIME: "datetime(6)",
        Kind.TIME: "time(6)",
        Kind.UUID: "char(36) CHARACTER SET ascii COLLATE ascii_bin",
    }.get(column.kind, f"varbinary({KEY_BYTES_MAX})")


def keeps(column: ColumnKind, value: Any, *, mariadb: bool) -> bool:
    """Whether a column of `column_type` holds the very value: it cuts, rounds or refuses what it has no room for."""
    declared = column_type(column, mariadb=mariadb)
    if isinstance(value, str) and not declared.startswith("varchar"):
        return declared.startswith("varbinary") and len(value.encode()) <= KEY_BYTES_MAX
    if isinstance(value, str):
        return len(value) <= min(column.length or KEY_CHARS_MAX, KEY_BYTES_MAX)
    if isinstance(value, bytes):
        return len(value) <= min(column.length or KEY_BYTES_MAX, KEY_BYTES_MAX)
    if isinstance(value, Decimal):
        precision, scale = (column.precision, column.scale) if column.precision else _DECIMAL
        return fits_decimal(value, min(precision or 0, _DECIMAL[0]), max(0, min(scale or 0, _DECIMAL[1])))
    return True


def fits_decimal(value: Decimal, precision: int, scale: int) -> bool:
    """Whether a decimal has so few digits, before and behind the point."""
    if not value.is_finite():
        return False
    _, digits, exponent = value.normalize(Context(prec=MAX_PREC)).as_tuple()
    behind = max(0, -int(exponent))
    return behind <= scale and len(digits) + max(0, int(exponent)) - behind <= precision - scale


def read(column: ColumnKind, name: str) -> str:
    """The expression that reads a column so that nothing of it is lost: a FLOAT is shown with six digits."""
    if column.type_name.startswith("float"):
        return f"CAST({name} AS DOUBLE)"
    if column.type_name.startswith("bit"):
        return f"({name} + 0)"
    return name


def decoder(column: ColumnKind) -> Decoder | None:
    """What makes a value of what asyncmy gives. Dates that Python does not have stay text: 0000-00-00."""
    if column.kind is Kind.DATETIME:
        return _zoned if column.zoned else None
    decoders: dict[Kind, Decoder] = {
        Kind.BOOLEAN: bool,
        Kind.TIME: _time,
        Kind.JSON: json_value,
        Kind.UUID: _uuid,
    }
    return decoders.get(column.kind)


def hashed(columns: Sequence[ColumnKind], names: Sequence[str]) -> str:
    """The expression of the hash of these columns, over the bytes that are stored, whatever their character set.

    Each text comes behind its length, and `~` stands for NULL. What may be long is there as its own hash: a string that
    is longer than a packet is NULL to MariaDB, and a row may be. SHA-1, since processors have instructions for it: on
    one that has, MD5 took five times as long.
    """
    parts = []
    for column, name in zip(columns, names, strict=True):
        if column.kind in _BARE:
            parts.append(_or_null(f"CAST({read(column, name)} AS CHAR CHARACTER SET latin1)"))
        elif column.type_name.startswith(_IN_ROW):
            parts += [_or_null(f"LENGTH({name})"), f"CAST({name} AS BINARY)"]
        else:
            parts.append(_or_null(f"CAST(SHA1({name}) AS CHAR CHARACTER SET latin1)"))
    return f"CAST(CONV(LEFT(SHA1(CONCAT_WS('|', {', '.join(parts)})), 16), 16, -10) AS SIGNED)"


def _or_null(expression: str) -> str:
    """Also where the column takes no NULL: it may from tomorrow on, and parts that are left out run together."""
    return f"IFNULL({expression}, '~')"


def literal(value: Any) -> str:
    """A value written out in a statement.

    Raises:
        RefusedError: MariaDB has no such value.
    """
    write = _LITERALS.get(type(value))
    if write is not None:
        return write(value)
    for kind, other in _LITERALS.items():
        if isinstance(value, kind):
            return other(value)
    raise RefusedError("type", f"a {type(value).__name__} is no value of a column")


def literals(column: ColumnKind, values: Sequence[Any]) -> list[str]:
    """A column's values written out."""
    if column.kind is Kind.JSON:
        return ["NULL" if value is None else _text(json_text(value)) for value in values]
    return [literal(value) for value in values]


def _text(value: str) -> str:
    return f"'{escape_string(value)}'"


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise RefusedError("type", "MariaDB has neither infinity nor NaN")
    return f"{value!r}e0" if "e" not in repr(value) else repr(value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise RefusedError("type", "MariaDB has neither infinity nor NaN")
    return format(value, "f")


def _datetime(value: dt.datetime) -> str:
    try:
        moment = value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        raise RefusedError("type", "an instant beyond the years that there are in UTC") from None
    return f"'{moment.isoformat(' ')}'"


def _timedelta(value: dt.timedelta) -> str:
    sign, positive = ("-", -value) if value < _ZERO else ("", value)
    seconds = positive.days * 86_400 + positive.seconds
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"'{sign}{clock}.{positive.microseconds:06d}'"


_LITERALS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "NULL",
    bool: lambda value: "1" if value else "0",
    int: str,
    str: _text,
    float: _float,
    Decimal: _decimal,
    dt.datetime: _datetime,
    dt.date: lambda value: f"'{value.isoformat()}'",
    dt.time: lambda value: f"'{value.replace(tzinfo=None).isoformat()}'",
    dt.timedelta: _timedelta,
    bytes: lambda value: f"x'{value.hex()}'",
    uuid.UUID: lambda value: f"'{value}'",
    dict: lambda value: _text(json_text(value)),
    list: lambda value: _text(json_text(value)),
}


def _zoned(value: Any) -> Any:
    """An instant: sessions are in UTC."""
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value


def _time(value: Any) -> Any:
    """A time of day; MySQL's TIME may also be a length of up to 838 hours, of either sign, which stays one."""
    if isinstance(value, dt.timedelta) and _ZERO <= value < _DAY:
        return (_MIDNIGHT + value).time()
    return value


def _uuid(value: Any) -> Any:
    return uuid.UUID(value if isinstance(value, str) else bytes(value).decode())
