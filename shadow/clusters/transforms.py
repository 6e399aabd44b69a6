"""Transformations of legacy's value that a `map` rule may name: `shadow.clusters.transforms:times_100`.

A value that a transformation is not made for stays as it is, so that the comparison shows it.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, unquote

from shadow.clusters.texts import as_number
from shadow.times import NANOSECONDS, read_time


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _scaled(value: Any, power: int) -> Any:
    if isinstance(value, str):
        number = as_number(value)
        return value if number is None else f"{number.scaleb(power).normalize():f}"
    if not _is_number(value):
        return value
    scaled = Decimal(str(value)).scaleb(power)
    return int(scaled) if scaled == scaled.to_integral_value() else float(scaled)


def times_10(value: Any) -> Any:
    """Ten times as much."""
    return _scaled(value, 1)


def times_100(value: Any) -> Any:
    """A hundred times as much: an amount in cents."""
    return _scaled(value, 2)


def times_1000(value: Any) -> Any:
    """A thousand times as much: milliseconds."""
    return _scaled(value, 3)


def by_10(value: Any) -> Any:
    """A tenth."""
    return _scaled(value, -1)


def by_100(value: Any) -> Any:
    """A hundredth: an amount from cents."""
    return _scaled(value, -2)


def by_1000(value: Any) -> Any:
    """A thousandth: seconds from milliseconds."""
    return _scaled(value, -3)


def trimmed(value: Any) -> Any:
    """Text without blanks at its ends."""
    return value.strip() if isinstance(value, str) else value


def html_escaped(value: Any) -> Any:
    """Text escaped for HTML."""
    return html.escape(value) if isinstance(value, str) else value


def html_unescaped(value: Any) -> Any:
    """Text that was escaped for HTML."""
    return html.unescape(value) if isinstance(value, str) else value


def url_encoded(value: Any) -> Any:
    """Text encoded for URLs, slashes too."""
    return quote(value, safe="") if isinstance(value, str) else value


def url_decoded(value: Any) -> Any:
    """Text that was encoded for URLs."""
    return unquote(value) if isinstance(value, str) else value


def as_text(value: Any) -> Any:
    """A number as text."""
    return str(value) if _is_number(value) else value


def as_number_value(value: Any) -> Any:
    """Text as the number that it is."""
    number = as_number(value) if isinstance(value, str) else None
    if number is None:
        return value
    return int(number) if number == number.to_integral_value() else float(number)


def in_list(value: Any) -> Any:
    """The value in a list of one."""
    return [value]


def out_of_list(value: Any) -> Any:
    """The value of a list of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def null_as_empty_text(value: Any) -> Any:
    """Empty text for null."""
    return "" if value is None else value


def empty_as_null(value: Any) -> Any:
    """Null for an empty text, list or object."""
    return None if isinstance(value, (str, list, dict)) and not value else value


def epoch_s(value: Any) -> Any:
    """A time as whole seconds since 1970."""
    moment = read_time(value) if isinstance(value, str) else None
    return value if moment is None else moment.nanoseconds // NANOSECONDS


def epoch_ms(value: Any) -> Any:
    """A time as whole milliseconds since 1970."""
    moment = read_time(value) if isinstance(value, str) else None
    return value if moment is None else moment.nanoseconds // (NANOSECONDS // 1_000)


def sign_changed(value: Any) -> Any:
    """The number with the other sign."""
    return -value if _is_number(value) else value


#: Relation -> the transformation of legacy's value that gives new's. Those with an argument only where it fits.
BY_RELATION: Final[dict[str, Callable[[Any], Any]]] = {
    "scaled:1": times_10,
    "scaled:2": times_100,
    "scaled:3": times_1000,
    "scaled:-1": by_10,
    "scaled:-2": by_100,
    "scaled:-3": by_1000,
    "negated": sign_changed,
    "trimmed": trimmed,
    "html_escaped": html_escaped,
    "html_unescaped": html_unescaped,
    "url_encoded": url_encoded,
    "url_decoded": url_decoded,
    "number_as_text": as_text,
    "text_as_number": as_number_value,
    "wrapped": in_list,
    "unwrapped": out_of_list,
    "null_empty": null_as_empty_text,
    "empty_null": empty_as_null,
}
