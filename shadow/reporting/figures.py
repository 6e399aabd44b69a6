"""Numbers and times as every format of a report writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from shadow.reporting.measured import Share

#: Where a value is not known.
NOTHING: Final = "–"  # noqa: RUF001 - an en dash, as in printed tables
_MILLI_MAX_S: Final = 1.0
_FINE_MS: Final = 10.0
_SMALL: Final = 0.1
_TINY: Final = 0.001
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def count(number: int) -> str:
    """`4,812`."""
    return f"{number:,}"


def share(value: float | None) -> str:
    """`1.2 %`, `0.045 %`, `100 %`; more digits only where they matter, and never `0 %` or `100 %` for almost."""
    if value is None:
        return NOTHING
    if value in (0.0, 1.0):
        return f"{value:.0%}".replace("%", " %")
    digits = 3 if value < _TINY else 2 if value < _SMALL / 10 else 1
    text = f"{value * 100:.{digits}f}"
    if float(text) in (0.0, 100.0):
        return "< 0.001 %" if value < _SMALL else "> 99.9 %"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def interval(given: Share) -> str:
    """`0.9 % to 1.6 %`; nothing without a trial."""
    return f"{share(given.low)} to {share(given.high)}" if given.of else NOTHING


def duration(seconds: float | None) -> str:
    """`3.2 ms`, `45 ms`, `1.50 s`."""
    if seconds is None:
        return NOTHING
    if seconds >= _MILLI_MAX_S:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms" if seconds * 1000 < _FINE_MS else f"{seconds * 1000:.0f} ms"


def times(factor: float | None) -> str:
    """`1.25 ×`."""  # noqa: RUF002 - the sign for multiplication
    return NOTHING if factor is None else f"{factor:.2f} ×"  # noqa: RUF001


def moment(at: float) -> str:
    """`2026-03-01 09:30:12 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """`40 seconds`, `1 hour`, `3 days`: a length of time, rounded to one unit."""
    for unit, name in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        if seconds >= unit:
            return plural(round(seconds / unit), name)
    return plural(round(seconds), "second")


def plural(number: int, noun: str, several: str = "") -> str:
    """`1 difference`, `3 differences`."""
    return f"{count(number)} {noun if number == 1 else several or noun + 's'}"


def power(e_value_log10: float) -> str:
    """An e-value: `4.7`, `3·10^12`."""
    if e_value_log10 < 0:
        return "< 1"
    if e_value_log10 < 4:  # noqa: PLR2004 - below, the number itself is readable
        return f"{10**e_value_log10:,.1f}"
    whole = int(e_value_log10)
    return f"{10 ** (e_value_log10 - whole):.0f}·10^{whole}"
