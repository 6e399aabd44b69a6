"""Values of SQLite's columns: any column may hold any type, so that what is no value of its kind stays what it is."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from legacy_adapters.sql.connection import RefusedError
from legacy_adapters.sql.dialect import Decoder
from legacy_adapters.sql.jsontext import json_text, json_value
from legacy_adapters.values.kinds import ColumnKind, Kind


def row_hash(*values: Any) -> int:
    """The hash of a row as SQLite stores it: typed, length-prefixed, signed 64 bits."""
    digest = hashlib.md5(usedforsecurity=False)
    for value in values:
        if value is None:
            digest.update(b"~|")
        elif isinstance(value, str):
            data = value.encode("utf-8", "surrogatepass")
            digest.update(b"s%d:%b|" % (len(data), data))
        elif isinstance(value, bytes):
            digest.update(b"b%d:%b|" % (len(value), value))
        else:
            digest.update(f"{type(value).__name__[0]}{value!r}|".encode())
    return int.from_bytes(digest.digest()[:8], "big", signed=True)


def decoder(column: ColumnKind) -> Decoder | None:
    """What makes a value of what SQLite holds."""
    decoders: dict[Kind, Decoder] = {
        Kind.BOOLEAN: lambda value: bool(value) if value in {0, 1} else value,
        Kind.DECIMAL: _decimal,
        Kind.DATE: _from_text(dt.date.fromisoformat),
        Kind.TIME: _from_text(dt.time.fromisoformat),
        Kind.DATETIME: _from_text(dt.datetime.fromisoformat),
        Kind.UUID: _from_text(uuid.UUID),
        Kind.JSON: json_value,
    }
    return decoders.get(column.kind)


def given(value: Any) -> Any:
    """A value as SQLite takes it.

    Raises:
        RefusedError: it has no such value.
    """
    if value is None or isinstance(value, str | bytes):
        return value
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            raise RefusedError("type", "SQLite would keep NULL for NaN")
        return value
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, dict | list):
        return json_text(value)
    raise RefusedError("type", f"SQLite has no {type(value).__name__}")


def givens(values: Sequence[Any]) -> list[Any]:
    """The same for many."""
    return [given(value) for value in values]


def _decimal(value: Any) -> Any:
    if isinstance(value, bytes):
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return value


def _from_text(read: Callable[[str], Any]) -> Decoder:
    def decode(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return read(value)
        except ValueError:
            return value

    return decode
