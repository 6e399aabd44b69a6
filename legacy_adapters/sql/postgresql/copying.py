"""Rows written out for COPY, column by column.

The driver's own binary COPY asks for a codec for each value of each row: half of what a first copy cost here. As text,
what repeats is written once, a column that needs no escape is found by one search, and dates that the driver would take
for infinity are what they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from legacy_adapters.sql.connection import RefusedError
from legacy_adapters.sql.postgresql.values import givens
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Rows that are sent at a time.
PIECE_ROWS: Final = 1000
NULL: Final = "\\N"
#: What a column's values must be for their text to be theirs; others go the way on which the server checks them.
_TYPES: Final[dict[Kind, frozenset[type]]] = {
    Kind.BOOLEAN: frozenset({bool}),
    Kind.INTEGER: frozenset({int}),
    Kind.DECIMAL: frozenset({int, Decimal}),
    Kind.FLOAT: frozenset({float}),
    Kind.TEXT: frozenset({str}),
    Kind.BYTES: frozenset({bytes}),
    Kind.DATE: frozenset({dt.date, str}),
    Kind.TIME: frozenset({dt.time, str}),
    Kind.DATETIME: frozenset({dt.datetime, str}),
    Kind.INTERVAL: frozenset({dt.timedelta, str}),
    Kind.UUID: frozenset({UUID}),
    Kind.ENUM: frozenset({str}),
    Kind.JSON: frozenset({dict, list, str}),
}
_WRITERS: Final[dict[Kind, Callable[[Any], str]]] = {
    Kind.BOOLEAN: lambda value: "t" if value else "f",
    Kind.FLOAT: repr,
    Kind.BYTES: lambda value: f"\\\\x{value.hex()}",
}
#: Kinds whose text may hold anything.
_FREE: Final = frozenset({Kind.TEXT, Kind.ENUM, Kind.JSON, Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.INTERVAL})
#: Kinds whose values are dear to write, and often the very same objects.
_DEAR: Final = frozenset({Kind.DATE, Kind.TIME, Kind.DATETIME})
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def written(columns: Sequence[ColumnKind], values: Sequence[Sequence[Any]]) -> list[Sequence[str]] | None:
    """Columns of values as texts of COPY; None where a value is not of its column's kind."""
    done = []
    for column, part in zip(columns, values, strict=True):
        types = set(map(type, part))
        gaps = type(None) in types
        types.discard(type(None))
        if column.type_name.startswith("bit") or not types <= _TYPES.get(column.kind, frozenset()):
            return None
        done.append(_texts(column, part, gaps=gaps))
    return done


def pieces(texts: Sequence[Sequence[str]]) -> list[bytes]:
    """The same as COPY reads it, whole before the first of it is sent: COPY is not left halfway for a bad text.

    Raises:
        RefusedError: a text cannot be sent.
    """
    lines = list(map("\t".join, zip(*texts, strict=True)))
    try:
        return [
            ("\n".join(lines[start : start + PIECE_ROWS]) + "\n").encode() for start in range(0, len(lines), PIECE_ROWS)
        ]
    except UnicodeEncodeError:
        raise RefusedError("type", "a text holds half of a character (a lone surrogate)") from None


def _texts(column: ColumnKind, values: Sequence[Any], *, gaps: bool) -> Sequence[str]:
    if column.kind in _DEAR:
        return _remembered(column, values)
    if column.kind in _FREE:
        return _escaped(givens(column, values), gaps=gaps)
    write = _WRITERS.get(column.kind, str)
    return [NULL if value is None else write(value) for value in values] if gaps else list(map(write, values))


def _remembered(column: ColumnKind, values: Sequence[Any]) -> Sequence[str]:
    """Texts of values of which many are the same object, as those are that a mapping remembers."""
    places = list(map(id, values))
    one_of_each = dict(zip(places, values, strict=True))
    texts = _escaped(givens(column, list(one_of_each.values())), gaps=True)
    return list(map(dict(zip(one_of_each, texts, strict=True)).__getitem__, places))


def _escaped(texts: Sequence[str | None], *, gaps: bool) -> Sequence[str]:
    given = [text for text in texts if text is not None]
    whole = "".join(given)
    if any(map(whole.__contains__, "\\\t\n\r")):
        given = [text.translate(_ESCAPES) for text in given]
    if not gaps:
        return given
    following = iter(given)
    return [NULL if text is None else next(following) for text in texts]
