"""Values of PostgreSQL's columns: how they are read, given and hashed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final

from legacy_adapters.sql.dialect import Args, Decoder
from legacy_adapters.sql.jsontext import json_text, json_value
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Types that values are sent as: without a length, so that a cast never cuts anything off.
_SENT = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "bigint",
    Kind.DECIMAL: "numeric",
    Kind.FLOAT: "double precision",
    Kind.TEXT: "text",
    Kind.BYTES: "bytea",
    Kind.UUID: "uuid",
}
#: Kinds that are sent as text and cast in the statement: asyncpg would write 9999-12-31, the legacy world's "never",
#: as infinity, and give back infinity as 9999-12-31.
_AS_TEXT = frozenset({Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.INTERVAL, Kind.JSON, Kind.ENUM, Kind.OTHER})
_INTERVAL = re.compile(r"(?:(-?\d+) days? ?)?(?:(-?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?)?")
_INTEGER_BITS = 64
_LENGTH = re.compile(r"\(\d+(?:,-?\d+)?\)")
#: Of a key's value in an index.
KEY_BYTES_MAX: Final = 2_500


def sent_type(column: ColumnKind) -> str:
    """The type that values of the column are sent as."""
    if column.kind is Kind.INTEGER and column.unsigned and column.bits == _INTEGER_BITS:
        return "numeric"
    return _SENT.get(column.kind, "text")


def compared_type(column: ColumnKind) -> str:
    """The type that the column is compared as, so that its index is used; lengths are left off."""
    if column.kind is Kind.TEXT:
        return "bpchar" if column.fixed else "citext" if column.type_name == "citext" else "text"
    if column.kind is Kind.BOOLEAN and column.type_name.startswith("bit"):
        return "bit(1)"
    if column.kind is Kind.DATETIME:
        return "timestamptz" if column.zoned else "timestamp"
    if column.kind is Kind.TIME:
        return "timetz" if column.zoned else "time"
    if column.kind in {Kind.JSON, Kind.ENUM, Kind.OTHER}:
        return _unlimited(column.type_name) or "text"
    return {Kind.DATE: "date", Kind.INTERVAL: "interval"}.get(column.kind) or sent_type(column)


def _unlimited(type_name: str) -> str:
    """A type without its length: a cast to one with a length cuts without a word, and an assignment refuses."""
    plain = _LENGTH.sub("", type_name)
    base = plain.removesuffix("[]")
    return {"bit": "bit varying", "character": "bpchar"}.get(base, base) + plain[len(base) :]


def column_type(column: ColumnKind) -> str:
    """The type of a column of ours that keeps such values; text sorts by its bytes."""
    if column.kind is Kind.TEXT:
        return 'text COLLATE "C"'
    return compared_type(column)


def keeps(value: Any) -> bool:
    """Whether a value can be in an index of ours: a third of a page takes 2,704 bytes, and text no NUL."""
    if isinstance(value, str):
        return "\0" not in value and len(value.encode()) <= KEY_BYTES_MAX
    return not isinstance(value, bytes) or len(value) <= KEY_BYTES_MAX


def cast(column: ColumnKind, expression: str) -> str:
    """An expression of the sent type, as the column's own."""
    if column.kind is Kind.BOOLEAN and column.type_name.startswith("bit"):
        return f"{expression}::int::bit(1)"
    if column.kind in _AS_TEXT or compared_type(column) != sent_type(column):
        return f"{expression}::{compared_type(column)}"
    return expression


def given(column: ColumnKind, value: Any) -> Any:
    """A value as asyncpg takes it for the sent type."""
    if value is None or column.kind not in _AS_TEXT:
        return value
    return _text(column, value)


def givens(column: ColumnKind, values: Sequence[Any]) -> Sequence[Any]:
    """The same for many."""
    if column.kind not in _AS_TEXT:
        return values
    return [None if value is None else _text(column, value) for value in values]


def parameter(column: ColumnKind, value: Any, args: Args) -> str:
    """A value to compare the column with."""
    args.append(given(column, value))
    return cast(column, f"${len(args)}::{sent_type(column)}")


def read(column: ColumnKind, name: str) -> str:
    """The expression that reads a column so that nothing of it is lost on the way."""
    if column.kind is Kind.BOOLEAN and column.type_name.startswith("bit"):
        return f"({name} = B'1')"
    if column.kind is Kind.TEXT:
        return f"{name}::text" if column.fixed or column.type_name == "citext" else name
    return f"{name}::text" if column.kind in _AS_TEXT else name


def decoder(column: ColumnKind) -> Decoder | None:
    """What makes a value of what `read` gives."""
    if column.kind is Kind.DATETIME:
        return _zoned if column.zoned else _datetime
    return {Kind.DATE: _date, Kind.TIME: _time, Kind.INTERVAL: _interval, Kind.JSON: json_value}.get(column.kind)


def hashed(names: Sequence[str]) -> str:
    """The expression of the hash of columns.

    A record's text tells NULL from '' and quotes what would run together. `hashtextextended` is what hash partitions
    stand on, and a third of md5's cost; hashing the record itself would fold a bigint into 32 bits.
    """
    return f'hashtextextended(ROW({", ".join(names)})::text COLLATE "C", 0)'


def _text(column: ColumnKind, value: Any) -> str:
    if isinstance(value, str):
        return value
    if column.kind is Kind.JSON:
        return json_text(value)
    if isinstance(value, dt.timedelta):
        return _interval_text(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _interval_text(value: dt.timedelta) -> str:
    sign = "-" if value < dt.timedelta(0) else ""
    positive = abs(value)
    hours, rest = divmod(positive.seconds, 3600)
    clock = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}.{positive.microseconds:06d}"
    return f"{sign}{positive.days} days {sign}{clock}"


def _date(text: str) -> Any:
    """A date, or the text of one that Python does not have: infinity, before Christ, after the year 9999."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text


def _datetime(text: str) -> Any:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return text


def _zoned(text: str) -> Any:
    """An instant; sessions are in UTC, so that it ends in +00."""
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return text


def _time(text: str) -> Any:
    """A time; 24:00:00 stays text."""
    try:
        return dt.time.fromisoformat(text)
    except ValueError:
        return text


def _interval(text: str) -> Any:
    """Days and a clock; a length in months is none that can be counted in seconds, and stays text."""
    found = _INTERVAL.fullmatch(text)
    if found is None or not text:
        return text
    days, sign, hours, minutes, seconds, fraction = found.groups()
    clock = dt.timedelta(
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds or 0),
        microseconds=int((fraction or "").ljust(6, "0")[:6]),
    )
    return dt.timedelta(days=int(days or 0)) + (-clock if sign else clock)
