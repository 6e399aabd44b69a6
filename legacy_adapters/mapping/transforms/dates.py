"""Dates and instants.

An instant leaves `datetime` and `epoch` as a datetime in UTC. A wall clock that comes twice (clocks go back) means the
earlier instant unless `fold` says otherwise; one that never was (clocks go forward) is refused unless `gap: shift`.
On the way back every instant has a wall clock, and the two instants of a doubled hour have the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from legacy_adapters.mapping.step import RefusalError, Shape, Step, kind_name, text
from legacy_adapters.mapping.transforms.date_format import DateFormat
from legacy_adapters.values.kinds import Kind
from routes.config.sync_transform import DateArguments, DatetimeArguments, EpochArguments

_WRITTEN = frozenset({Kind.TEXT, Kind.INTEGER})
_DATE = frozenset({Kind.DATE})
_INSTANT = frozenset({Kind.DATETIME})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 1000, "us": 1_000_000}
_ISO_ZERO = DateFormat("%Y-%m-%d")


def day(arguments: DateArguments, shape: Shape) -> Step:
    """Text becomes a date."""
    form = DateFormat(arguments.format)

    def apply(value: Any) -> date | None:
        written = _text(value, "date", form)
        if arguments.zero != "refuse" and form.is_zero(written):
            return None
        return form.read(written).date()

    def back(value: Any) -> str | None:
        if value is None:
            return form.zeros
        if not isinstance(value, date):
            raise RefusalError(f"date wants a date, and got {kind_name(value)}")
        return _written(form, value)

    def inverse() -> Step:
        swap = arguments.zero == "swap"
        loses = None if form.directives >= {"Y", "m", "d"} or form.directives >= {"Y", "j"} else "part of the date"
        return Step("date", back, lambda: day(arguments, shape), loses, _DATE, frozenset({Kind.TEXT}), nulls=swap)

    return Step("date", apply, inverse, _zero_loss(arguments.zero), _WRITTEN, _DATE)


def instant(arguments: DatetimeArguments, shape: Shape) -> Step:
    """Text, or a wall clock, becomes an instant."""
    form = DateFormat(arguments.format) if arguments.format else None
    zone = ZoneInfo(arguments.zone)
    place = _placing(zone, arguments.fold, arguments.gap)
    zero_form = form or _ISO_ZERO

    def apply(value: Any) -> datetime | None:
        if arguments.zero != "refuse" and isinstance(value, str) and zero_form.is_zero(value):
            return None
        clock = _clock(value) if form is None else form.read(_text(value, "datetime", form))
        return place(clock) if clock.tzinfo is None else clock.astimezone(UTC)

    def back(value: Any) -> Any:
        if value is None:
            return form.zeros if form else "0000-00-00 00:00:00"
        if not isinstance(value, datetime):
            raise RefusalError(f"datetime wants an instant, and got {kind_name(value)}")
        clock = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(zone).replace(tzinfo=None, fold=0)
        return clock if form is None else _written(form, clock)

    def inverse() -> Step:
        coarse = form.coarse if form else None
        loses = f"{coarse}, which {arguments.format} does not write" if coarse else None
        gives = _INSTANT if form is None else frozenset({Kind.TEXT})
        swap = arguments.zero == "swap"
        return Step("datetime", back, lambda: instant(arguments, shape), loses, _INSTANT, gives, nulls=swap)

    takes = _WRITTEN if form else _INSTANT | {Kind.TEXT, Kind.DATE}
    return Step("datetime", apply, inverse, _zero_loss(arguments.zero), takes, _INSTANT)


def epoch(arguments: EpochArguments, shape: Shape) -> Step:
    """A count since 1970 becomes an instant."""
    per_second = _PER_SECOND[arguments.unit]

    def apply(value: Any) -> datetime:
        if isinstance(value, bool) or not isinstance(value, int):
            raise RefusalError(f"epoch wants a whole number, and got {kind_name(value)}")
        try:
            return _EPOCH + timedelta(microseconds=value * (1_000_000 // per_second))
        except OverflowError:
            raise RefusalError("is no instant from the year 1 to 9999") from None

    def back(value: Any) -> int:
        if not isinstance(value, datetime):
            raise RefusalError(f"epoch wants an instant, and got {kind_name(value)}")
        since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH
        return (since // timedelta(microseconds=1)) // (1_000_000 // per_second)

    def inverse() -> Step:
        loses = None if per_second == _PER_SECOND["us"] else f"what is finer than {arguments.unit}"
        return Step("epoch", back, lambda: epoch(arguments, shape), loses, _INSTANT, frozenset({Kind.INTEGER}))

    return Step("epoch", apply, inverse, None, frozenset({Kind.INTEGER}), _INSTANT)


def _zero_loss(zero: str) -> str | None:
    return {"to_null": "whether it was a date of zeros or NULL", "swap": "whether it was a date of zeros or NULL"}.get(
        zero
    )


def _text(value: Any, name: str, form: DateFormat) -> str:
    if type(value) is int:
        width = len(form.zeros)
        return str(value).zfill(width) if form.zeros.isdigit() else str(value)
    return text(value, name).strip()


def _written(form: DateFormat, value: date) -> str:
    """The text, if it means the same day again: two digits of a year reach from 1969 to 2068."""
    written = form.write(value)
    if "y" in form.directives and "Y" not in form.directives and form.read(written).year != value.year:
        raise RefusalError("is not a year from 1969 to 2068, which two digits can mean")
    return written


def _clock(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a wall clock, placed by its zone next
    try:
        return datetime.fromisoformat(text(value, "datetime").strip())
    except ValueError:
        raise RefusalError("is no date and time in ISO 8601") from None


def _placing(zone: ZoneInfo, fold: str, gap: str) -> Callable[[datetime], datetime]:
    """A wall clock of a zone → its instant."""
    if zone.key in {"UTC", "Etc/UTC"}:
        return lambda clock: clock.replace(tzinfo=UTC)

    def place(clock: datetime) -> datetime:
        try:
            local = clock.replace(tzinfo=zone)
            first = local.utcoffset()
            second = local.replace(fold=1).utcoffset()
            if first == second:
                return local.astimezone(UTC)
        except OverflowError:
            raise RefusalError("is no instant from the year 1 to 9999") from None
        return _at_change(local, in_gap=_seconds(first) < _seconds(second), fold=fold, gap=gap)

    return place


def _at_change(local: datetime, *, in_gap: bool, fold: str, gap: str) -> datetime:
    if in_gap and gap == "refuse":
        raise RefusalError("is an hour that never was: clocks went forward over it")
    if not in_gap and fold == "refuse":
        raise RefusalError("is an hour that came twice: clocks went back over it")
    # In a gap fold=0 has the offset from before it: 02:30 becomes 03:30, shifted by what was left out.
    later = not in_gap and fold == "later"
    return local.replace(fold=1 if later else 0).astimezone(UTC)


def _seconds(offset: timedelta | None) -> float:
    return offset.total_seconds() if offset is not None else 0.0
