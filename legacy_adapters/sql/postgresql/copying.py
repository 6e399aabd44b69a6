"""Rows written out for COPY, column by column.

The driver's own binary COPY asks for a codec for each value of each row: half of what a first copy cost here. As text,
what repeats is written once, a column that needs no escape is found by one search, and dates that the driver would take
for infinity are what they are. Arrays are written out for the same reason: the driver asks each element whether it is
an array itself.
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

#: Rows that are written out, and sent, at a time: a millisecond, in which nothing else of the process moves.
PIECE_ROWS: Final = 500
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
#: Texts that are remembered of them, and how long one is at most: any text may be meant for a date.
_MEMORY_MAX: Final = 65_536
_CHARACTERS_MAX: Final = 64
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Writer:
    """Writes columns as texts of COPY, and remembers those of values that come again as the same objects.

    A mapping remembers its results, so that a date that a table has many times is one object.
    """

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        #: The values of `_texts`: as long as they are kept, nothing else has their identity.
        self._values: list[Any] = []

    def columns(self, columns: Sequence[ColumnKind], values: Sequence[Sequence[Any]]) -> list[Sequence[str]] | None:
        """Columns of values as texts of COPY; None where a value is not of its column's kind."""
        done = []
        for column, part in zip(columns, values, strict=True):
            types = set(map(type, part))
            gaps = type(None) in types
            types.discard(type(None))
            if column.type_name.startswith("bit") or not types <= _TYPES.get(column.kind, frozenset()):
                return None
            done.append(self._remembered(column, part) if column.kind in _DEAR else _texts(column, part, gaps=gaps))
        return done

    def _remembered(self, column: ColumnKind, values: Sequence[Any]) -> Sequence[str]:
        places = list(map(id, values))
        missing = set(places).difference(self._texts)
        if missing:
            if len(missing) + len(self._texts) > _MEMORY_MAX:
                self._texts.clear()
                self._values.clear()
                missing = set(places)
            new = {place: value for place, value in zip(places, values, strict=True) if place in missing}
            texts = _escaped(givens(column, list(new.values())), gaps=True)
            if max(map(len, texts)) > _CHARACTERS_MAX:
                return _texts(column, values, gaps=True)
            self._texts.update(zip(new, texts, strict=True))
            self._values += new.values()
        return list(map(self._texts.__getitem__, places))


def integers(values: Sequence[int]) -> str:
    """An array of integers, none of them NULL, as PostgreSQL reads it."""
    return f"{{{','.join(map(str, values))}}}"


def piece(texts: Sequence[Sequence[str]]) -> bytes:
    """Rows as COPY reads them.

    Raises:
        RefusedError: a text cannot be sent.
    """
    try:
        return ("\n".join(map("\t".join, zip(*texts, strict=True))) + "\n").encode()
    except UnicodeEncodeError:
        raise RefusedError("type", "a text holds half of a character (a lone surrogate)") from None


def _texts(column: ColumnKind, values: Sequence[Any], *, gaps: bool) -> Sequence[str]:
    if column.kind in _FREE:
        return _escaped(givens(column, values), gaps=gaps)
    write = _WRITERS.get(column.kind, str)
    return [NULL if value is None else write(value) for value in values] if gaps else list(map(write, values))


def _escaped(texts: Sequence[str | None], *, gaps: bool) -> Sequence[str]:
    given = [text for text in texts if text is not None]
    whole = "".join(given)
    if any(map(whole.__contains__, "\\\t\n\r")):
        given = [text.translate(_ESCAPES) for text in given]
    if not gaps:
        return given
    following = iter(given)
    return [NULL if text is None else next(following) for text in texts]
