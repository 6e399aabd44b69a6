"""What the syncs of config.yaml need beyond the transforms that are built in: how the two systems write dates.

A function gets a column's value, None for NULL, and returns what the other side is to have. It is pure, and what it
raises refuses the one record.
"""

from __future__ import annotations

from datetime import UTC, datetime

DAY = "%Y%m%d"
STAMP = "%Y%m%d%H%M%S"
INSTANT = "%Y-%m-%dT%H:%M:%SZ"


def day_to_instant(value: str | None) -> str | None:
    """A day is the midnight that it begins with.

    >>> day_to_instant("20230102")
    '2023-01-02T00:00:00Z'
    """
    return _rewritten(value, DAY, INSTANT)


def instant_to_day(value: str | None) -> str | None:
    """The time of day is lost: legacy has no place for it.

    >>> instant_to_day("2023-01-02T15:04:05Z")
    '20230102'
    """
    return _rewritten(value, INSTANT, DAY)


def stamp_to_instant(value: str | None) -> str | None:
    """Both are UTC.

    >>> stamp_to_instant("20230102150405")
    '2023-01-02T15:04:05Z'
    """
    return _rewritten(value, STAMP, INSTANT)


def instant_to_stamp(value: str | None) -> str | None:
    """The way back.

    >>> instant_to_stamp("2023-01-02T15:04:05Z")
    '20230102150405'
    """
    return _rewritten(value, INSTANT, STAMP)


def ship_flag(status: str | None) -> str:
    """Legacy says twice that an order was shipped; the new service says it once.

    >>> ship_flag("shipped"), ship_flag("new")
    ('Y', 'N')
    """
    return "Y" if status == "shipped" else "N"


def _rewritten(value: str | None, given: str, wanted: str) -> str | None:
    return None if value is None else datetime.strptime(value, given).replace(tzinfo=UTC).strftime(wanted)
