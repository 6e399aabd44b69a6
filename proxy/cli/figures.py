"""Numbers as people read them in a table."""

from __future__ import annotations

_MILLI_MAX_S = 1.0
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_SMALL_SHARE = 0.1
NOTHING = "-"


def duration(seconds: float | None) -> str:
    """A latency: `3.2 ms`, `1.50 s`."""
    if seconds is None:
        return NOTHING
    return f"{seconds * 1000:.1f} ms" if seconds < _MILLI_MAX_S else f"{seconds:.2f} s"


def age(seconds: float | None) -> str:
    """An uptime: `42s`, `3m 05s`, `2h 07m`, `5d 3h`."""
    if seconds is None:
        return NOTHING
    whole = int(seconds)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m {whole % _MINUTE_S:02}s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h {whole % _HOUR_S // _MINUTE_S:02}m"
    return f"{whole // _DAY_S}d {whole % _DAY_S // _HOUR_S}h"


def size(count: float | None) -> str:
    """A size: `58.8 MiB`."""
    if count is None:
        return NOTHING
    for unit in _UNITS[:-1]:
        if count < _STEP:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _STEP
    return f"{count:.1f} {_UNITS[-1]}"


def share(value: float | None) -> str:
    """A share: `5%`, `0.25%`; more digits only where they matter."""
    if value is None:
        return NOTHING
    return f"{value:.2%}".replace(".00%", "%") if value < _SMALL_SHARE else f"{value:.1%}".replace(".0%", "%")


def rate(per_s: float) -> str:
    """A rate: `12.3/s`."""
    return f"{per_s:,.1f}/s"
