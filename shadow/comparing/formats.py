"""What a string is: an identifier, a time, a hash; and the moment that a value stands for."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from shadow.reading.exact import ExactNumber

#: Longer strings are `text`: none of the formats is.
_CHARACTERS_MAX: Final = 4096
_FORMATS: Final = tuple(
    (name, re.compile(pattern, re.ASCII))
    for name, pattern in (
        ("uuid", r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
        ("time", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|[+-]\d\d(:?\d\d)?))?"),
        ("date", r"\d{4}-\d\d-\d\d"),
        ("http_date", r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, \d\d[ -]\w{3}[ -]\d{2,4} \d\d:\d\d:\d\d (GMT|[+-]\d{4})"),
        ("integer", r"[+-]?\d+"),
        ("decimal", r"[+-]?\d*\.\d+([eE][+-]?\d+)?"),
        ("hex", r"([0-9a-f]{2}){4,}|([0-9A-F]{2}){4,}"),
        ("ulid", r"[0-7][0-9A-HJKMNP-TV-Z]{25}"),
        ("jwt", r"eyJ[\w-]+\.[\w-]+\.[\w-]*"),
        ("email", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
        ("url", r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s]+"),
        ("token", r"(?=[^\d]*\d)[\w+/=.~-]{16,}"),
    )
)
#: Beyond these, a number of seconds since 1970 is one of milli- or microseconds: both lie in the year 5138.
_SECONDS_MAX: Final = 1e11
_MILLISECONDS_MAX: Final = 1e14
_FRACTION: Final = re.compile(r"[.,](\d{1,6})\d*")
_OFFSET: Final = re.compile(r"(?<=.{11}) ?([+-]\d\d)(\d\d)?\Z")


def format_of(text: str) -> str:
    """The name of a string's format; `text` where it has none that is known, `empty` for none at all."""
    if not text:
        return "empty"
    if len(text) > _CHARACTERS_MAX:
        return "text"
    return next((name for name, pattern in _FORMATS if pattern.fullmatch(text)), "text")


def moment(value: Any) -> float | None:
    """Unix time in seconds of a time: RFC 3339 and its looser forms, HTTP dates, epoch seconds to microseconds.

    Without an offset it is taken as UTC. None where it is no time.
    """
    if isinstance(value, ExactNumber | bool):
        return None
    if isinstance(value, int | float):
        magnitude = abs(value)
        if magnitude <= _SECONDS_MAX:
            return float(value)
        return value / 1e3 if magnitude <= _MILLISECONDS_MAX else value / 1e6
    if not isinstance(value, str) or len(value) > 64:  # noqa: PLR2004 - no time is written longer
        return None
    try:
        return _with_offset(_iso(value.strip())).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        return _with_offset(parsedate_to_datetime(value)).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # a fraction or an offset in another form than the usual
        text = _FRACTION.sub(lambda found: "." + found[1].ljust(6, "0"), text, count=1)
        return datetime.fromisoformat(_OFFSET.sub(lambda found: f"{found[1]}:{found[2] or '00'}", text))


def _with_offset(when: datetime) -> datetime:
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
