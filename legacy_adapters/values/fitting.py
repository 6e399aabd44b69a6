"""Whether a whole column may stay as it is: a few passes in C instead of a call for each value.

Never says yes where `coerce` would change or refuse a value; where it says no, `coerce` looks at each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from legacy_adapters.values.charsets import encodes
from legacy_adapters.values.kinds import ColumnKind, Kind

Fits = Callable[[Sequence[Any]], bool]

_NULL = type(None)
_MICROSECOND_DIGITS = 6


def fits(kind: ColumnKind) -> Fits:
    """The question for a column."""
    look = _LOOKS.get(kind.kind, _never)(kind)
    wanted = _TYPES.get(kind.kind)

    def ask(values: Sequence[Any]) -> bool:
        kinds = set(map(type, values))
        there = values
        if _NULL in kinds:
            if not kind.nullable:
                return False
            kinds.discard(_NULL)
            there = [value for value in values if value is not None]
        return not kinds or (kinds == {wanted} and look(there))

    return ask


def _never(_kind: ColumnKind) -> Fits:
    return lambda _values: False


def _always(_kind: ColumnKind) -> Fits:
    return lambda _values: True


def _integers(kind: ColumnKind) -> Fits:
    bounds = kind.integer_range
    if bounds is None:
        return lambda _values: True
    least, most = bounds
    return lambda values: least <= min(values) and max(values) <= most


def _texts(kind: ColumnKind) -> Fits:
    length, fixed, charset = kind.length, kind.fixed, kind.charset

    def look(values: Sequence[str]) -> bool:
        if length is not None and max(map(len, values)) > length:
            return False
        whole = "\n".join(values)
        if charset == "UTF8" and "\0" in whole:
            return False
        if fixed and (" \n" in whole or whole.endswith(" ")):
            return False
        if whole.isascii():
            return True
        bmp_only, codec = encodes(charset)
        if bmp_only:
            return False
        try:
            whole.encode(codec or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    return look


def _decimals(kind: ColumnKind) -> Fits:
    """Only numbers as their column would have them: the scale of the column, and not too large."""
    precision, scale = kind.precision, kind.scale
    if precision is None or scale is None or kind.unsigned:
        return lambda _values: False
    limit = Decimal(10) ** (precision - scale)
    unit = Decimal(1).scaleb(-scale)

    def look(values: Sequence[Decimal]) -> bool:
        if not all(map(Decimal.is_finite, values)):
            return False
        same = all(map(unit.same_quantum, values))
        return same and -limit < min(values) and max(values) < limit

    return look


def _instants(kind: ColumnKind) -> Fits:
    zone = attrgetter("tzinfo")
    wanted = {UTC} if kind.zoned else {None}
    fine = kind.fraction == _MICROSECOND_DIGITS
    part = attrgetter("microsecond")

    def look(values: Sequence[Any]) -> bool:
        return set(map(zone, values)) == wanted and (fine or not any(map(part, values)))

    return look


def _members(kind: ColumnKind) -> Fits:
    members = frozenset(kind.members)
    return lambda values: not members or members.issuperset(values)


_LOOKS: dict[Kind, Callable[[ColumnKind], Fits]] = {
    Kind.BOOLEAN: _always,
    Kind.INTEGER: _integers,
    Kind.DECIMAL: _decimals,
    Kind.TEXT: _texts,
    Kind.ENUM: _members,
    Kind.DATE: _always,
    Kind.DATETIME: _instants,
}
_TYPES: dict[Kind, type] = {
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.TEXT: str,
    Kind.ENUM: str,
    Kind.DATE: date,
    Kind.DATETIME: datetime,
}
