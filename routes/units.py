"""Quantities with their unit: `30s`, `64KiB`, `5%`, `50/s`. A bare number is refused, since nobody can read it right.

| type | written | value |
| --- | --- | --- |
| Duration | `250ms` `30s` `5m` `2h` `14d`, also `1.5h` | seconds, float |
| Size | `240B` `32KiB` `1MiB` `2GiB` | bytes, int |
| Share | `5%` `0.5%` `100%` | 0.0 to 1.0, float |
| Rate | `50/s` `300/m` | per second, float |
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from routes.faults import fault

_NUMBER = r"[0-9]{1,15}(\.[0-9]{1,9})?"
DURATION_PATTERN = rf"^{_NUMBER} ?(ms|s|m|h|d)$"
SIZE_PATTERN = r"^[0-9]{1,16} ?(B|KiB|MiB|GiB)$"
SHARE_PATTERN = rf"^{_NUMBER} ?%$"
RATE_PATTERN = rf"^{_NUMBER} ?/ ?(s|m|h)$"

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
#: Longest duration: with more, a deadline in nanoseconds would no longer be exact.
DURATION_MAX_S = 3650 * 86400
SIZE_MAX_BYTES = 1 << 50
_HUNDRED = 100
_DECIMALS = 9

_DURATION = re.compile(DURATION_PATTERN)
_SIZE = re.compile(SIZE_PATTERN)
_SHARE = re.compile(SHARE_PATTERN)
_RATE = re.compile(RATE_PATTERN)
_BARE = re.compile(rf"^{_NUMBER}$")
_DURATION_ALLOWED = "a number with ms, s, m, h or d, such as 250ms, 30s, 5m, 2h, 14d"
_SIZE_ALLOWED = "a whole number with B, KiB, MiB or GiB, such as 240B, 32KiB, 1MiB"
_SHARE_ALLOWED = "a number from 0 to 100 with %, such as 5%, 0.5%, 100%"
_RATE_ALLOWED = "a number with /s, /m or /h, such as 50/s"

_OTHER_UNITS = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hour": "h", "hours": "h", "day": "d", "days": "d", "msec": "ms", "millis": "ms",
    "k": "KiB", "kb": "KiB", "kib": "KiB", "m": "MiB", "mb": "MiB", "mib": "MiB",
    "g": "GiB", "gb": "GiB", "gib": "GiB", "b": "B", "bytes": "B", "byte": "B",
}  # fmt: skip


def _written(value: Any) -> str:
    return value.strip() if isinstance(value, str) else str(value)


def _refuse(noun: str, value: Any, allowed: str, units: tuple[str, str]) -> Any:
    """The error for text that is no quantity: names the unit that is missing or meant."""
    text = _written(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return fault(f"must be {noun}", allowed=allowed)
    if _BARE.match(text):
        hint = f"write {text}{units[0]} or {text}{units[1]}"
        if noun == "a size" and text.isdigit() and int(text) % _BYTES["KiB"] == 0 and int(text):
            hint = f"write {format_size(int(text))}"
        return fault(f"must be {noun}, with its unit", allowed=allowed, hint=hint)
    match = re.match(rf"^({_NUMBER})\s*([A-Za-z]+)$", text)
    unit = _OTHER_UNITS.get(match.group(3).lower()) if match else None
    known = unit in (_BYTES if noun == "a size" else _SECONDS if noun == "a duration" else ())
    meant = f"write {match.group(1)}{unit}" if match and known else None
    if match and known and noun == "a size" and "." in text:
        meant = f"write {format_size(int(Decimal(match.group(1)) * _BYTES[str(unit)]))}"
    return fault(f"must be {noun}", allowed=allowed, hint=meant)


def parse_duration(value: Any) -> float:
    """`"250ms"` → 0.25.

    Raises:
        PydanticCustomError: the text is no duration.
    """
    match = _DURATION.match(_written(value)) if isinstance(value, str) else None
    if match is None:
        raise _refuse("a duration", value, _DURATION_ALLOWED, ("s", "ms"))
    seconds = Decimal(_written(value)[: -len(match.group(2))].strip()) * _SECONDS[match.group(2)]
    if seconds > DURATION_MAX_S:
        raise fault("must be at most 3650d", allowed=_DURATION_ALLOWED)
    return float(seconds)


def parse_size(value: Any) -> int:
    """`"32KiB"` → 32768.

    Raises:
        PydanticCustomError: the text is no size.
    """
    match = _SIZE.match(_written(value)) if isinstance(value, str) else None
    if match is None:
        raise _refuse("a size", value, _SIZE_ALLOWED, ("KiB", "B"))
    size = int(_written(value)[: -len(match.group(1))]) * _BYTES[match.group(1)]
    if size > SIZE_MAX_BYTES:
        raise fault("must be at most 1048576GiB", allowed=_SIZE_ALLOWED)
    return size


def parse_share(value: Any) -> float:
    """`"5%"` → 0.05.

    Raises:
        PydanticCustomError: the text is no share, or more than 100%.
    """
    text = _written(value)
    if not isinstance(value, str) or not _SHARE.match(text):
        bare = _BARE.match(text) and not isinstance(value, bool)
        hint = f"write {text}%" if bare else None
        if bare and "." in text and Decimal(text) <= 1:
            hint = f"write {_plain(Decimal(text) * _HUNDRED)}%, or {text}% where that little is meant"
        raise fault("must be a share, with its %" if bare else "must be a share", allowed=_SHARE_ALLOWED, hint=hint)
    percent = Decimal(text[:-1].strip())
    if percent > _HUNDRED:
        raise fault("must be at most 100%", allowed=_SHARE_ALLOWED)
    return float(percent / _HUNDRED)


def parse_rate(value: Any) -> float:
    """`"50/s"` → 50.0 per second.

    Raises:
        PydanticCustomError: the text is no rate.
    """
    match = _RATE.match(_written(value)) if isinstance(value, str) else None
    if match is None:
        raise _refuse("a rate", value, _RATE_ALLOWED, ("/s", "/m"))
    return float(Decimal(_written(value).partition("/")[0].strip()) / _SECONDS[match.group(2)])


def format_duration(seconds: float) -> str:
    """The shortest way to write a duration that `parse_duration` reads back as the same value."""
    exact = Decimal(repr(seconds))
    for unit in ("d", "h", "m", "s"):
        if exact and exact % _SECONDS[unit] == 0:
            return f"{exact / _SECONDS[unit]:f}".split(".")[0] + unit
    return _plain(exact / _SECONDS["ms"]) + "ms" if exact < 1 else _plain(exact) + "s"


def format_size(size: int) -> str:
    """The shortest exact way to write a size."""
    unit = next((unit for unit in ("GiB", "MiB", "KiB") if size and size % _BYTES[unit] == 0), "B")
    return f"{size // _BYTES[unit]}{unit}"


def format_share(share: float) -> str:
    """A share as percent: 0.05 → `5%`."""
    return _plain(Decimal(repr(share)) * _HUNDRED) + "%"


def format_rate(per_s: float) -> str:
    """The shortest way to write a rate that `parse_rate` reads back as the same value, to nine decimals."""
    exact = Decimal(repr(per_s))
    ways = [(unit, round(exact * _SECONDS[unit], _DECIMALS)) for unit in ("s", "m", "h")]
    same = (way for way in ways if float(way[1] / _SECONDS[way[0]]) == per_s)
    unit, count = next(same, ways[-1])
    return f"{_plain(count)}/{unit}"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _positive(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same parser without zero: a timeout or bound of nothing would refuse everything."""

    def parse_positive(value: Any) -> Any:
        result = parse(value)
        if not result:
            raise fault("must be more than 0")
        return result

    return parse_positive


def _schema(pattern: str, description: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "pattern": pattern, "description": description, "examples": list(examples)}
    )


_DURATION_SCHEMA = _schema(DURATION_PATTERN, _DURATION_ALLOWED, "250ms", "30s", "5m", "2h", "14d")
_SIZE_SCHEMA = _schema(SIZE_PATTERN, _SIZE_ALLOWED, "240B", "32KiB", "1MiB")
_AS_DURATION = PlainSerializer(format_duration, return_type=str, when_used="json")
_AS_SIZE = PlainSerializer(format_size, return_type=str, when_used="json")

#: Seconds as float; more than 0.
Duration = Annotated[float, BeforeValidator(_positive(parse_duration)), _AS_DURATION, _DURATION_SCHEMA]
#: Seconds as float; `0s` is allowed.
DurationOrZero = Annotated[float, BeforeValidator(parse_duration), _AS_DURATION, _DURATION_SCHEMA]
#: Bytes as int; more than 0.
Size = Annotated[int, BeforeValidator(_positive(parse_size)), _AS_SIZE, _SIZE_SCHEMA]
#: Bytes as int; `0B` is allowed.
SizeOrZero = Annotated[int, BeforeValidator(parse_size), _AS_SIZE, _SIZE_SCHEMA]
#: 0.0 to 1.0.
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    PlainSerializer(format_share, return_type=str, when_used="json"),
    _schema(SHARE_PATTERN, _SHARE_ALLOWED, "5%", "0.5%", "100%"),
]
#: Per second, float; more than 0.
Rate = Annotated[
    float,
    BeforeValidator(_positive(parse_rate)),
    PlainSerializer(format_rate, return_type=str, when_used="json"),
    _schema(RATE_PATTERN, _RATE_ALLOWED, "50/s", "300/m"),
]
