"""What the value of a field must be, as a function that refuses what is not so.

Rules are about columns of the new store, whichever way the record goes: on the way to new the mapped value is checked,
on the way to legacy the value that was read. Numbers compare with numbers and dates with dates; a bound of another type
than the value refuses it, since nothing could be said.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from legacy_adapters.mapping.step import RefusalError
from legacy_adapters.mapping.transforms.numbers import word_of
from routes.config import SyncRule

Check = Callable[[Any], None]


def check_of(rule: SyncRule) -> Callable[[Any], Any]:
    """The rule as a function of the value: gives it back, or raises RefusalError."""
    checks = [*_checks(rule)]

    def check(value: Any) -> Any:
        if value is None or (isinstance(value, str) and (not value or value.isspace())):
            if rule.required:
                raise RefusalError("is required, and NULL or blank")
            if value is None:
                return value
        for one in checks:
            one(value)
        return value

    return check


def _checks(rule: SyncRule) -> list[Check]:
    found: list[Check] = []
    if rule.format is not None:
        from legacy_adapters.mapping.formats import FORMATS  # noqa: PLC0415 - loads numbering plans and codes

        found.append(FORMATS[rule.format])
    if rule.regex is not None:
        found.append(_regex(rule.regex))
    if rule.in_ is not None:
        found.append(_among(rule.in_))
    if rule.min is not None or rule.max is not None:
        found.append(_between(rule.min, rule.max))
    if rule.length_min is not None or rule.length_max is not None:
        found.append(_length(rule.length_min or 0, rule.length_max))
    return found


def text_of(value: Any) -> str:
    """The value, which must be text.

    Raises:
        RefusalError: it is something else.
    """
    if isinstance(value, str):
        return value
    raise RefusalError("is not text, and the rule is about text")


def _regex(pattern: str) -> Check:
    matches = re.compile(pattern).fullmatch

    def check(value: Any) -> None:
        if matches(text_of(value)) is None:
            raise RefusalError("does not match the rule's regex")

    return check


def _among(values: list[Any]) -> Check:
    words = frozenset(map(word_of, values))

    def check(value: Any) -> None:
        if word_of(value) not in words:
            raise RefusalError("is not among the values that are allowed")

    return check


def _between(least: Any, most: Any) -> Check:
    def check(value: Any) -> None:
        if least is not None and _comparable(value) < _bound(least, value):
            raise RefusalError("is less than the rule's min")
        if most is not None and _comparable(value) > _bound(most, value):
            raise RefusalError("is more than the rule's max")

    return check


def _comparable(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return value


def _bound_as(bound: Any, kind: type) -> Any:
    try:
        if issubclass(kind, datetime):
            found = datetime.fromisoformat(bound)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if issubclass(kind, date):
            return date.fromisoformat(bound)
        if issubclass(kind, int | Decimal | float) and kind is not bool:
            return Decimal(str(bound))
    except (TypeError, ValueError, ArithmeticError):
        return None
    return bound if issubclass(kind, str) and isinstance(bound, str) else None


def _bound(bound: Any, value: Any) -> Any:
    found = _bound_as(bound, type(value))
    if found is None:
        raise RefusalError(f"is of type {type(value).__name__}, which cannot be compared with the rule's bound")
    return found


def _length(least: int, most: int | None) -> Check:
    def check(value: Any) -> None:
        count = len(text_of(value))
        if count < least:
            raise RefusalError(f"has fewer than {least} characters")
        if most is not None and count > most:
            raise RefusalError(f"has more than {most} characters")

    return check
