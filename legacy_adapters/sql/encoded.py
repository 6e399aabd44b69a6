"""Rows and keys as text that gives back the very same values: for quarantine, and to find a key by its digest."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from legacy_adapters.record import Key, Row

#: The member that names the type of a value that JSON does not have.
TAG = "$"

_WRITERS: dict[type, Callable[[Any], Any]] = {
    Decimal: str,
    bytes: lambda value: base64.b64encode(value).decode(),
    dt.datetime: lambda value: value.isoformat(),
    dt.date: lambda value: value.isoformat(),
    dt.time: lambda value: value.isoformat(),
    dt.timedelta: lambda value: [value.days, value.seconds, value.microseconds],
    UUID: str,
    float: repr,
    dict: lambda value: {name: _tagged(member) for name, member in value.items()},
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "Decimal": Decimal,
    "bytes": base64.b64decode,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": lambda parts: dt.timedelta(*parts),
    "UUID": UUID,
    "float": float,
    "dict": lambda members: {name: _plain(member) for name, member in members.items()},
}


def encode(values: Key | Row) -> str:
    """A key or row as text; equal ones give equal text."""
    return json.dumps(_tagged(list(values) if isinstance(values, tuple) else values), ensure_ascii=True, sort_keys=True)


def decode_key(text: str) -> Key:
    """The key that `encode` was given."""
    return tuple(_plain(json.loads(text)))


def decode_row(text: str) -> Row:
    """The row that `encode` was given."""
    row: Row = _plain(json.loads(text))
    return row


def digest(key: Key) -> str:
    """The same for the same key, and short."""
    return hashlib.sha256(encode(key).encode()).hexdigest()[:40]


def _tagged(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_tagged(member) for member in value]
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return {TAG: kind.__name__, "is": write(value)}
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, dict):
        return _READERS[value[TAG]](value["is"])
    return value
