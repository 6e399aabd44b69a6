"""How two texts are related."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from shadow.clusters.numbers import number_relation
from shadow.times import NANOSECONDS, read_time

_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?", re.ASCII)
#: Longest prefix or suffix that makes a relation; and the least share of the text that stays.
_AFFIX_MAX: Final = 32
_MINUTE_NS: Final = 60 * NANOSECONDS
_QUARTER_NS: Final = 15 * _MINUTE_NS
_SHIFT_MAX_NS: Final = 26 * 60 * _MINUTE_NS  # from UTC-12 to UTC+14
_DATE: Final = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})|(\d{4})(\d\d)(\d\d)", re.ASCII)
_REPLACEMENTS: Final = "?\N{REPLACEMENT CHARACTER}"
_MOJIBAKE: Final = ("latin-1", "cp1252")


def as_number(text: str) -> Decimal | None:
    """The number that a text is, exactly, or None."""
    return Decimal(text) if _NUMBER.fullmatch(text) is not None else None


def text_relation(legacy: str, new: str) -> str:
    """The relation between two texts that differ; "" where there is none."""
    if legacy[:1].isdigit() or new[:1].isdigit() or legacy[:1] in "+-.":
        found = _time_relation(legacy, new) or _number_relation(legacy, new)
        if found:
            return found
    return _spelling(legacy, new) or _encoding(legacy, new) or _affix(legacy, new)


def _number_relation(legacy: str, new: str) -> str:
    one, other = as_number(legacy), as_number(new)
    if one is None or other is None:
        return ""
    return number_relation(one, other)


def _time_relation(legacy: str, new: str) -> str:
    one, other = read_time(legacy), read_time(new)
    if one is None or other is None:
        return _date_relation(legacy, new)
    apart = other.nanoseconds - one.nanoseconds
    exactness = max(one.unit, other.unit)
    if abs(apart) < exactness and (apart == 0 or one.unit != other.unit):
        if one.offset_s != other.offset_s:
            # Without an offset a reader has to guess: that is more than another way to write it.
            told = one.offset_s is not None and other.offset_s is not None
            return "time_offset" if told and one.unit == other.unit else "time_format"
        return "time_precision" if one.unit != other.unit else "time_format"
    # The rest of the less exact one is lost, so only what is left of it shows the shift.
    quarters, rest = divmod(apart + exactness // 2, _QUARTER_NS)
    if quarters and rest <= exactness and abs(apart) <= _SHIFT_MAX_NS and exactness <= _MINUTE_NS:
        return f"time_shifted:{_hours(quarters)}"
    return ""


def _hours(quarters: int) -> str:
    sign = "-" if quarters < 0 else "+"
    hours, left = divmod(abs(quarters), 4)
    return f"{sign}{hours}:{left * 15:02}"


def _date_relation(legacy: str, new: str) -> str:
    one, other = _dates(legacy), _dates(new)
    return "date_format" if one & other else ""


def _dates(text: str) -> frozenset[tuple[int, int, int]]:
    """The dates that a text may mean, (year, month, day): 3/4/2024 may mean two."""
    match = _DATE.fullmatch(text)
    if match is None:
        return frozenset()
    if match[4]:
        return frozenset({(int(match[4]), int(match[5]), int(match[6]))})
    first, middle, last = int(match[1]), int(match[2]), int(match[3])
    if len(match[1]) == len("2024"):
        return frozenset({(first, middle, last)})
    return frozenset({(last, middle, first), (last, first, middle)})


def _spelling(legacy: str, new: str) -> str:
    if legacy.strip() == new.strip():
        return "trimmed"
    if legacy.casefold() == new.casefold():
        return "case"
    if legacy.split() == new.split():
        return "blanks"
    if not (legacy.isascii() and new.isascii()):
        if unicodedata.normalize("NFC", legacy) == unicodedata.normalize("NFC", new):
            return "unicode"
        if unicodedata.normalize("NFKC", legacy) == unicodedata.normalize("NFKC", new):
            return "unicode"
    return ""


def _encoding(legacy: str, new: str) -> str:
    if "&" in new and html.unescape(new) == legacy:
        return "html_escaped"
    if "&" in legacy and html.unescape(legacy) == new:
        return "html_unescaped"
    if _is_quoted(legacy, new):
        return "url_encoded"
    if _is_quoted(new, legacy):
        return "url_decoded"
    for charset in _MOJIBAKE:
        if _read_as(legacy, charset) == new:
            return f"mojibake:{charset}"
        if _read_as(new, charset) == legacy:
            return f"mojibake_mended:{charset}"
    return "replaced" if _is_replaced(legacy, new) or _is_replaced(new, legacy) else ""


def _is_quoted(plain: str, quoted: str) -> bool:
    if "%" not in quoted and "+" not in quoted:
        return False
    undo: tuple[tuple[Callable[[str], str], Callable[[str], str]], ...] = (
        (unquote, quote), (unquote_plus, quote_plus),
    )  # fmt: skip
    return any(back(quoted) == plain and there(plain) != plain for back, there in undo)


def _read_as(text: str, charset: str) -> str | None:
    if text.isascii():
        return None
    try:
        return text.encode().decode(charset)
    except UnicodeError:
        return None


def _is_replaced(whole: str, lossy: str) -> bool:
    """Whether one text is the other with question marks for what is not ASCII."""
    if len(whole) != len(lossy) or whole.isascii():
        return False
    pairs = [(one, other) for one, other in zip(whole, lossy, strict=True) if one != other]
    return bool(pairs) and all(not one.isascii() and other in _REPLACEMENTS for one, other in pairs)


def _affix(legacy: str, new: str) -> str:
    shorter, longer = sorted((legacy, new), key=len)
    size = len(longer) - len(shorter)
    if not shorter or size > _AFFIX_MAX or size == 0:
        return ""
    how = "added" if longer is new else "gone"
    if longer.endswith(shorter):
        return f"prefix_{how}"
    if longer.startswith(shorter):
        return f"suffix_{how}"
    return ""
