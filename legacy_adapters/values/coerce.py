"""A mapped value → what its column can hold: exactly, or refused.

Nothing is lost here in silence but what the column itself cannot keep: digits of the second beyond the column's
(`sync plan` says so), and blanks at the end of a CHAR. Text is never cut, a number never rounded, a float is the
exception: into a column of 32 bits it goes rounded, as the store would do it.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from legacy_adapters.values.charsets import fault
from legacy_adapters.values.errors import UnfitError
from legacy_adapters.values.kinds import ColumnKind, Kind

Coercer = Callable[[Any], Any]

_SINGLE_BITS = 32
_MICROSECOND_DIGITS = 6
_WHOLE_DIGITS_MAX = 400
_CANONICAL_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,99})\Z")
_CANONICAL_DECIMAL = re.compile(r"-?[0-9]{1,500}(\.[0-9]{1,500})?\Z")


def coercer(kind: ColumnKind) -> Coercer:
    """The function that makes values fit into a column; it raises UnfitError. It leaves its own results as they are."""
    convert = _CONVERTERS[kind.kind](kind)

    def coerce(value: Any) -> Any:
        if value is None:
            if kind.nullable:
                return None
            raise UnfitError("is NULL, and the column must not be")
        return convert(value)

    return coerce


def _wrong(value: Any, wanted: str) -> UnfitError:
    return UnfitError(f"is of type {type(value).__name__}, and the column holds {wanted}")


def _boolean(_kind: ColumnKind) -> Coercer:
    def convert(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise _wrong(value, "true or false")

    return convert


def _integer(kind: ColumnKind) -> Coercer:
    bounds = kind.integer_range

    def convert(value: Any) -> int:
        found = value if type(value) is int else _whole(value)
        if bounds is not None and not bounds[0] <= found <= bounds[1]:
            raise UnfitError(f"is beyond what {kind.type_name or 'the column'} holds")
        return found

    return convert


def _whole(value: Any) -> int:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and _CANONICAL_INTEGER.match(value):
        return int(value)
    if isinstance(value, Decimal | float) and is_whole(value):
        return int(value)
    raise _wrong(value, "whole numbers")


def is_whole(value: Decimal | float) -> bool:
    """Whether a number is a whole one, of a size that anybody means: 1E+1000000 would take a minute to write out."""
    exact = Decimal(value)
    return exact.is_finite() and exact.adjusted() < _WHOLE_DIGITS_MAX and exact == exact.to_integral_value()


def _decimal(kind: ColumnKind) -> Coercer:
    precision, scale = kind.precision, kind.scale

    def convert(value: Any) -> Decimal:
        found = value if type(value) is Decimal else _exact(value)
        _check_decimal(found, precision, scale)
        if kind.unsigned and found < 0:
            raise UnfitError("is negative, and the column is unsigned")
        return found

    return convert


def _exact(value: Any) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str) and _CANONICAL_DECIMAL.match(value):
        return Decimal(value)
    raise _wrong(value, "decimal numbers")


def _check_decimal(value: Decimal, precision: int | None, scale: int | None) -> None:
    if not value.is_finite():
        if precision is not None:
            raise UnfitError("is not a finite number")
        return
    _, digits, exponent = value.as_tuple()
    behind = -int(exponent)
    if scale is not None and behind > scale:
        if any(digits[len(digits) - (behind - scale) :]):
            raise UnfitError(f"has more than {scale} digits behind the point")
        behind = scale
    if precision is not None and value and value.adjusted() >= precision - (scale or 0):
        raise UnfitError(f"has more than {precision - (scale or 0)} digits before the point")


def _float(kind: ColumnKind) -> Coercer:
    single = kind.bits == _SINGLE_BITS

    def convert(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise _wrong(value, "floats")
        found = float(value)
        if isinstance(value, int) and found != value:
            raise UnfitError("is a whole number that no float is equal to")
        try:
            return float(struct.unpack("<f", struct.pack("<f", found))[0]) if single else found
        except OverflowError:
            raise UnfitError("is beyond what a float of 32 bits holds") from None

    return convert


def _text(kind: ColumnKind) -> Coercer:
    length, charset, nul_refused = kind.length, kind.charset, kind.charset == "UTF8"

    def convert(value: Any) -> str:
        found = value if type(value) is str else _as_text(value)
        if kind.fixed:
            found = found.rstrip(" ")
        if length is not None and len(found) > length:
            raise UnfitError(f"has more than {length} characters")
        problem = fault(found, charset)
        if problem is not None:
            raise UnfitError(problem)
        if nul_refused and "\0" in found:
            raise UnfitError("has a NUL character, which PostgreSQL cannot store")
        return found

    return convert


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _WHOLE_DIGITS_MAX:
        return f"{value:f}"
    if isinstance(value, int | UUID) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise _wrong(value, "text")


def _enum(kind: ColumnKind) -> Coercer:
    members = frozenset(kind.members)

    def convert(value: Any) -> str:
        found = value if type(value) is str else _as_text(value)
        if members and found not in members:
            raise UnfitError("is not a member of the enumeration")
        return found

    return convert


def _bytes(kind: ColumnKind) -> Coercer:
    def convert(value: Any) -> bytes:
        if isinstance(value, UUID):
            return value.bytes
        if not isinstance(value, bytes | bytearray | memoryview):
            raise _wrong(value, "bytes")
        found = bytes(value)
        if kind.length is not None and len(found) > kind.length:
            raise UnfitError(f"has more than {kind.length} bytes")
        return found

    return convert


def _date(_kind: ColumnKind) -> Coercer:
    def convert(value: Any) -> date:
        if type(value) is date:
            return value
        if isinstance(value, datetime):
            if value.tzinfo is None and value.time() == time():
                return value.date()
            raise UnfitError("has a time of day, and the column holds dates")
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise _wrong(value, "dates") from None

    return convert


def _time(kind: ColumnKind) -> Coercer:
    coarse = 10 ** (_MICROSECOND_DIGITS - kind.fraction)

    def convert(value: Any) -> time:
        try:
            found = value if isinstance(value, time) else time.fromisoformat(value)
        except (TypeError, ValueError):
            raise _wrong(value, "times of day") from None
        return found.replace(microsecond=found.microsecond // coarse * coarse)

    return convert


def _datetime(kind: ColumnKind) -> Coercer:
    coarse = 10 ** (_MICROSECOND_DIGITS - kind.fraction)

    def convert(value: Any) -> datetime:
        found = value if isinstance(value, datetime) else _as_datetime(value)
        if kind.zoned:
            if found.tzinfo is None:
                raise UnfitError("is a wall clock, and the column holds instants: name its zone with datetime")
            found = found.astimezone(UTC)
        elif found.tzinfo is not None:
            found = found.astimezone(UTC).replace(tzinfo=None)
        return found.replace(microsecond=found.microsecond // coarse * coarse, fold=0)

    return convert


def _as_datetime(value: Any) -> datetime:
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a wall clock, and stays one
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(value, "dates with times") from None


def _interval(kind: ColumnKind) -> Coercer:
    coarse = timedelta(microseconds=10 ** (_MICROSECOND_DIGITS - kind.fraction))

    def convert(value: Any) -> timedelta:
        if not isinstance(value, timedelta):
            raise _wrong(value, "spans of time")
        return value // coarse * coarse

    return convert


def _uuid(_kind: ColumnKind) -> Coercer:
    def convert(value: Any) -> UUID:
        try:
            if isinstance(value, str):
                return UUID(value)
            return value if isinstance(value, UUID) else UUID(bytes=value)
        except (TypeError, ValueError, AttributeError):
            raise _wrong(value, "UUIDs") from None

    return convert


#: Values whose text a column of a type that is not known here may understand.
_WRITTEN_AS_TEXT = (str, bytes, int, float, Decimal, date, time, timedelta, UUID, tuple)


def _json(_kind: ColumnKind) -> Coercer:
    def convert(value: Any) -> Any:
        if isinstance(value, dict | list | str):
            return value
        if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
            return json.dumps(value)  # as it is read back: a number, true or false alone stays JSON text
        raise _wrong(value, "JSON")

    return convert


def _other(kind: ColumnKind) -> Coercer:
    def convert(value: Any) -> Any:
        if isinstance(value, _WRITTEN_AS_TEXT):
            return value
        raise _wrong(value, kind.type_name or "other types")  # the text of a Python object is no value

    return convert


_CONVERTERS: dict[Kind, Callable[[ColumnKind], Coercer]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.TEXT: _text,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.DATETIME: _datetime,
    Kind.INTERVAL: _interval,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
    Kind.ENUM: _enum,
    Kind.OTHER: _other,
}
