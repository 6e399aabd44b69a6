"""What a text can be: each reading says whether a text is of its sort, and in which form it is written.

A text usually has several readings: `12345678` is digits, a hash in hexadecimal and a word. Which of them was meant
shows only after some values: see `TextShape`, which keeps those that all values had.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from shadow.times import read_time

_UUID: Final = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})", re.IGNORECASE)
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_HEX_LOWER: Final = re.compile(r"[0-9a-f]{8,128}")
_HEX_UPPER: Final = re.compile(r"[0-9A-F]{8,128}")
_DIGITS: Final = re.compile(r"[0-9]{1,40}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,30}\.([0-9]{1,20})")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_+/.~-]{16,}={0,2}")
_UUID_LENGTH: Final = 36

_LOWER, _UPPER, _DIGIT, _SPACE, _PUNCTUATION, _OTHER = (1 << bit for bit in range(6))
_CLASSES: Final = tuple(
    _LOWER if chr(code).islower()
    else _UPPER if chr(code).isupper()
    else _DIGIT if chr(code).isdigit()
    else _SPACE if chr(code).isspace()
    else _PUNCTUATION
    for code in range(128)
)  # fmt: skip
#: Characters of a text that are looked at; what follows is taken to be like them.
_CLASSED_MAX: Final = 256


def character_classes(text: str) -> int:
    """Bits of the classes of characters in a text: lower, upper, digit, space, punctuation, beyond ASCII."""
    found = 0
    for character in set(text[:_CLASSED_MAX]):
        code = ord(character)
        found |= _CLASSES[code] if code < len(_CLASSES) else _OTHER
    return found


def _uuid(text: str) -> str | None:
    if len(text) != _UUID_LENGTH or (match := _UUID.fullmatch(text)) is None:
        return None
    case = "upper" if text != text.lower() else "lower"
    return f"{match[2]}{case}"


def _time(text: str) -> str | None:
    moment = read_time(text)
    return None if moment is None or moment.form == "http" else moment.form


def _http_date(text: str) -> str | None:
    moment = read_time(text)
    return "" if moment is not None and moment.form == "http" else None


def _decimal(text: str) -> str | None:
    match = _DECIMAL.fullmatch(text)
    return None if match is None else str(len(match[1]))


def _whole(pattern: re.Pattern[str], form: Callable[[str], str] = lambda _: "") -> Callable[[str], str | None]:
    return lambda text: form(text) if pattern.fullmatch(text) is not None else None


#: Reading -> the form in which a text is written, None where it is not of that sort. The narrowest reading first.
READINGS: Final[dict[str, Callable[[str], str | None]]] = {
    "uuid": _uuid,
    "time": _time,
    "http_date": _http_date,
    "ulid": _whole(_ULID),
    "jwt": _whole(_JWT),
    "digits": _whole(_DIGITS),
    "decimal": _decimal,
    "hex": _whole(_HEX_LOWER, lambda text: str(len(text))),
    "HEX": _whole(_HEX_UPPER, lambda text: str(len(text))),
    "token": _whole(_TOKEN),
    "text": lambda _: "",
}


def readings(text: str) -> dict[str, str]:
    """Every reading of a text with its form, the narrowest first; `text` is always the last."""
    return {name: form for name, read in READINGS.items() if (form := read(text)) is not None}
