"""Dates as text: a format compiled once into a parser and a writer that are each other's inverse.

Python's own `strptime` takes three times as long and obeys the machine's language, and its `strftime` writes the year
999 with three digits. The directives are those of `routes.config.sync_transform.DIRECTIVES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from legacy_adapters.mapping.step import RefusalError

_MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
]  # fmt: skip
_MONTH_NUMBER = {name.lower(): number for number, name in enumerate(_MONTHS, start=1)} | {
    name[:3].lower(): number for number, name in enumerate(_MONTHS, start=1)
}
#: Two digits of a year mean 1969 to 2068, as in POSIX.
_CENTURY_TURN = 69
_HALF_DAY = 12

_READ = {
    "Y": r"(?P<Y>\d{4})", "y": r"(?P<y>\d{2})", "m": r"(?P<m>\d{2})", "d": r"(?P<d>\d{2})", "j": r"(?P<j>\d{3})",
    "H": r"(?P<H>\d{2})", "I": r"(?P<I>\d{2})", "M": r"(?P<M>\d{2})", "S": r"(?P<S>\d{2})", "f": r"(?P<f>\d{1,6})",
    "p": r"(?P<p>[AaPp][Mm])", "b": r"(?P<b>[A-Za-z]{3})", "B": r"(?P<B>[A-Za-z]{3,9})", "%": "%",
}  # fmt: skip
_WRITE: dict[str, Callable[[Any], str]] = {
    "Y": lambda value: f"{value.year:04d}",
    "y": lambda value: f"{value.year % 100:02d}",
    "m": lambda value: f"{value.month:02d}",
    "d": lambda value: f"{value.day:02d}",
    "j": lambda value: f"{value.timetuple().tm_yday:03d}",
    "H": lambda value: f"{value.hour:02d}",
    "I": lambda value: f"{value.hour % _HALF_DAY or _HALF_DAY:02d}",
    "M": lambda value: f"{value.minute:02d}",
    "S": lambda value: f"{value.second:02d}",
    "f": lambda value: f"{value.microsecond:06d}",
    "p": lambda value: "AM" if value.hour < _HALF_DAY else "PM",
    "b": lambda value: _MONTHS[value.month - 1][:3],
    "B": lambda value: _MONTHS[value.month - 1],
}
_TOKENS = re.compile(r"%(.)|([^%]+)", re.DOTALL)
_DIGITS = {"Y": 4, "y": 2, "m": 2, "d": 2, "j": 3, "H": 2, "M": 2, "S": 2}


class DateFormat:
    """A format, compiled."""

    def __init__(self, written: str) -> None:
        self.written = written
        self._tokens = [(found[1], found[2]) for found in _TOKENS.finditer(written)]
        self.directives = frozenset(directive for directive, _ in self._tokens if directive and directive != "%")
        pattern = "".join(_READ[one] if one else re.escape(literal) for one, literal in self._tokens)
        self._pattern = re.compile(pattern, re.ASCII)
        self._slices = self._fixed()
        self.zeros = "".join(
            "0" * _DIGITS.get(one, 2) if one and one != "%" else (literal or "%") for one, literal in self._tokens
        )

    @property
    def coarse(self) -> str | None:
        """What of an instant it does not write; None where it writes all of it."""
        missing = [
            name
            for name, ways in (("the day", "dj"), ("the time of day", "HI"), ("minutes", "M"), ("seconds", "S"))
            if not self.directives & set(ways)
        ]
        if missing:
            return missing[0]
        return None if "f" in self.directives else "fractions of a second"

    def read(self, written: str) -> datetime:
        """A wall clock from its text.

        Raises:
            RefusalError: it is not written so, or there is no such day or time.
        """
        slices = self._slices
        try:
            if slices is not None and len(written) == slices[0] and written.isascii() and written.isdigit():
                return datetime(*[int(written[start:end]) for start, end in slices[1]])  # type: ignore[arg-type] # noqa: DTZ001 - a wall clock
            return self._by_pattern(written)
        except ValueError as error:
            if isinstance(error, RefusalError):
                raise
            raise RefusalError(f"is no day or time that there is, read as {self.written}") from None

    def write(self, value: date) -> str:
        """The text of a day or wall clock."""
        return "".join(
            [_WRITE[one](value) if one and one != "%" else (literal or "%") for one, literal in self._tokens]
        )

    def is_zero(self, written: str) -> bool:
        """Whether it is a date of zeros: all its digits are 0, and there are some."""
        digits = [character for character in written if character.isdigit()]
        return bool(digits) and set(digits) == {"0"} and (not written.strip("0 :.-/T") or written == self.zeros)

    def _fixed(self) -> tuple[int, list[tuple[int, int]]] | None:
        """Length and slices where the text is nothing but digits in the order of the calendar: `%Y%m%d%H%M%S`."""
        order = [directive or literal for directive, literal in self._tokens]
        if "".join(order) not in {"Ymd", "YmdH", "YmdHM", "YmdHMS"}:
            return None
        slices, at = [], 0
        for directive in order:
            slices.append((at, at + _DIGITS[directive]))
            at += _DIGITS[directive]
        return at, slices

    def _by_pattern(self, written: str) -> datetime:
        found = self._pattern.fullmatch(written)
        if found is None:
            raise RefusalError(f"is not written as {self.written}")
        got = found.groupdict()
        year = int(got["Y"]) if "Y" in got else _year(int(got["y"])) if "y" in got else 1900
        fraction = int(got["f"].ljust(6, "0")) if "f" in got else 0
        hour = self._hour(got)
        clock = (hour, int(got.get("M", 0)), int(got.get("S", 0)), fraction)
        if "j" in got:
            day = datetime(year, 1, 1, *clock) + timedelta(days=int(got["j"]) - 1)  # noqa: DTZ001 - a wall clock
            if day.year != year:
                raise ValueError(year)
            return day
        return datetime(year, self._month(got), int(got.get("d", 1)), *clock)  # noqa: DTZ001 - a wall clock

    def _hour(self, got: dict[str, str]) -> int:
        if "H" in got or "I" not in got:
            return int(got.get("H", 0))
        hour = int(got["I"])
        if not 1 <= hour <= _HALF_DAY:
            raise ValueError(hour)
        return hour % _HALF_DAY + (_HALF_DAY if got.get("p", "AM").upper() == "PM" else 0)

    def _month(self, got: dict[str, str]) -> int:
        named = got.get("b") or got.get("B")
        if named is None:
            return int(got.get("m", 1))
        if named.lower() not in _MONTH_NUMBER:
            raise RefusalError("names no month in English")
        return _MONTH_NUMBER[named.lower()]


def _year(two_digits: int) -> int:
    return two_digits + (1900 if two_digits >= _CENTURY_TURN else 2000)
