"""Points in time as services write them in text: what they say, and how exactly they are written.

Read are RFC 3339 and its relatives (ISO 8601 with a blank for the T, without seconds, without an offset, a date alone)
and the three dates of HTTP's one preferred form (RFC 9110 section 5.6.7). All else is no time.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

NANOSECONDS: Final = 1_000_000_000
#: Lengths of text that can be a time at all: `2024-01-31` to a time with nine digits and an offset.
LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 36

#: Texts whose reading is kept: one difference is looked at from several sides.
_CACHED_MAX: Final = 1_024
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAY_S: Final = 86_400
_DIGITS_MAX: Final = 9
_HOUR_MAX: Final = 23
_MINUTE_MAX: Final = 59
_SECOND_MAX: Final = 60  # a leap second
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:([Tt ])(\d\d):(\d\d)(?::(\d\d)(?:([.,])(\d{1,9}))?)?(Z|z|[+-]\d\d:?\d\d)?)?", re.ASCII
)
_HTTP_DATE: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    r"(\d\d):(\d\d):(\d\d) GMT",
    re.ASCII,
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)  # noqa: SIM905
}


class Moment(NamedTuple):
    """A point in time as it was written.

    Attributes:
        nanoseconds: since 1970-01-01T00:00:00Z; text without an offset is read as UTC.
        unit: nanoseconds of the last place that is written: 10^9 for whole seconds, 10^6 for three digits.
        offset_s: seconds east of UTC that are written; None where none is.
        form: all that is not the time itself: separator, number of digits, offset. `T.3Z`, `T.0+02:00`, `date`, `http`.
    """

    nanoseconds: int
    unit: int
    offset_s: int | None
    form: str


def read_time(text: str) -> Moment | None:
    """The time that a text is, or None."""
    return _read(text) if LENGTH_MIN <= len(text) <= LENGTH_MAX else None


@lru_cache(maxsize=_CACHED_MAX)
def _read(text: str) -> Moment | None:
    if text[0].isdigit():
        match = _TIME.fullmatch(text)
        return None if match is None else _moment(match)
    match = _HTTP_DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    seconds = _seconds((int(year), _MONTHS[month], int(day)), (int(hour), int(minute), int(second)))
    return None if seconds is None else Moment(seconds * NANOSECONDS, NANOSECONDS, 0, "http")


def _moment(match: re.Match[str]) -> Moment | None:
    year, month, day, separator, hour, minute, second, point, fraction, offset = match.groups()
    seconds = _seconds((int(year), int(month), int(day)), (int(hour or 0), int(minute or 0), int(second or 0)))
    if seconds is None:
        return None
    if separator is None:
        return Moment(seconds * NANOSECONDS, _DAY_S * NANOSECONDS, None, "date")
    digits = len(fraction or "")
    offset_s = _offset_s(offset)
    nanoseconds = (seconds - (offset_s or 0)) * NANOSECONDS
    if fraction:
        nanoseconds += int(fraction) * 10 ** (_DIGITS_MAX - digits)
    unit = 60 * NANOSECONDS if second is None else 10 ** (_DIGITS_MAX - digits)
    places = "-" if second is None else f"{point or '.'}{digits}"
    return Moment(nanoseconds, unit, offset_s, f"{separator}{places}{offset or ''}")


def _offset_s(offset: str | None) -> int | None:
    if offset is None:
        return None
    if offset in "Zz":
        return 0
    sign = -1 if offset[0] == "-" else 1
    return sign * (int(offset[1:3]) * 3_600 + int(offset[-2:]) * 60)


def _seconds(day: tuple[int, int, int], clock: tuple[int, int, int]) -> int | None:
    hour, minute, second = clock
    if hour > _HOUR_MAX or minute > _MINUTE_MAX or second > _SECOND_MAX:
        return None
    try:
        days = date(*day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    return days * _DAY_S + hour * 3_600 + minute * 60 + second
