"""What a column makes of a value, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy_adapters.values.coerce import coercer
from legacy_adapters.values.errors import UnfitError
from legacy_adapters.values.fitting import fits
from legacy_adapters.values.kinds import ColumnKind, Kind

ID = UUID("12345678-1234-5678-1234-567812345678")
EAST = timezone(timedelta(hours=2))


def kind(family: Kind, **more) -> ColumnKind:
    return ColumnKind("c", family, **more)


TEXT5 = kind(Kind.TEXT, length=5, charset="utf8mb4")
LATIN1 = kind(Kind.TEXT, charset="latin1")
CENTS = kind(Kind.DECIMAL, precision=6, scale=2)
SECONDS = kind(Kind.DATETIME, fraction=0)
INSTANT = kind(Kind.DATETIME, zoned=True, fraction=3)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (kind(Kind.BOOLEAN), 1, True),
        (kind(Kind.BOOLEAN), False, False),
        (kind(Kind.INTEGER, bits=8), True, 1),
        (kind(Kind.INTEGER, bits=8), "-128", -128),
        (kind(Kind.INTEGER, bits=64, unsigned=True), Decimal(18446744073709551615), 2**64 - 1),
        (kind(Kind.INTEGER), 3.0, 3),
        (CENTS, "1234.5", Decimal("1234.5")),
        (CENTS, 0.1, Decimal("0.1")),
        (CENTS, Decimal("1.10000"), Decimal("1.1")),
        (CENTS, 9999, Decimal(9999)),
        (kind(Kind.DECIMAL), Decimal("NaN"), Decimal("NaN")),
        (kind(Kind.FLOAT, bits=32), 0.1, 0.10000000149011612),
        (kind(Kind.FLOAT, bits=64), Decimal("0.1"), 0.1),
        (TEXT5, "héll😀"[:5], "héll😀"),
        (TEXT5, 12, "12"),
        (kind(Kind.TEXT), ID, str(ID)),
        (kind(Kind.TEXT), Decimal("1E+2"), "100"),
        (kind(Kind.TEXT, fixed=True, length=4), "ab     ", "ab"),
        (LATIN1, "€é", "€é"),
        (kind(Kind.BYTES, length=16), ID, ID.bytes),
        (kind(Kind.BYTES), bytearray(b"\x00\xff"), b"\x00\xff"),
        (kind(Kind.DATE), "1969-12-31", date(1969, 12, 31)),
        (kind(Kind.DATE), datetime(2024, 1, 2), date(2024, 1, 2)),  # noqa: DTZ001
        (kind(Kind.TIME, fraction=0), "01:02:03.999999", time(1, 2, 3)),
        (SECONDS, datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(1969, 12, 31, 23, 59, 59)),  # noqa: DTZ001
        (SECONDS, datetime(2024, 1, 1, 1, tzinfo=EAST), datetime(2023, 12, 31, 23)),  # noqa: DTZ001
        (SECONDS, "2024-01-01 01:00:00", datetime(2024, 1, 1, 1)),  # noqa: DTZ001
        (INSTANT, datetime(2024, 1, 1, 1, 0, 0, 123456, tzinfo=EAST), datetime(2023, 12, 31, 23, 0, 0, 123000, tzinfo=UTC)),
        (kind(Kind.INTERVAL, fraction=0), timedelta(seconds=1.5), timedelta(seconds=1)),
        (kind(Kind.UUID), str(ID).upper(), ID),
        (kind(Kind.UUID), ID.bytes, ID),
        (kind(Kind.JSON), {"a": [1]}, {"a": [1]}),
        (kind(Kind.ENUM, members=("a", "b")), "b", "b"),
        (kind(Kind.OTHER), (1, 2), (1, 2)),
        (TEXT5, None, None),
    ],
)  # fmt: skip
def test_value_is_made_to_fit_without_loss(column, value, expected):
    coerce = coercer(column)
    result = coerce(value)
    assert repr(result) == repr(expected) or result == expected
    assert type(result) is type(expected)
    assert repr(coerce(result)) == repr(result)


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        (kind(Kind.TEXT, nullable=False), None, "is NULL, and the column must not be"),
        (kind(Kind.BOOLEAN), "Y", "is of type str, and the column holds true or false"),
        (kind(Kind.BOOLEAN), 2, "true or false"),
        (kind(Kind.INTEGER, bits=8, type_name="tinyint"), 128, "is beyond what tinyint holds"),
        (kind(Kind.INTEGER, bits=8, unsigned=True), -1, "is beyond"),
        (kind(Kind.INTEGER), "007", "whole numbers"),
        (kind(Kind.INTEGER), 1.5, "whole numbers"),
        (kind(Kind.INTEGER), Decimal("1E+1000000"), "whole numbers"),
        (kind(Kind.INTEGER), float("inf"), "whole numbers"),
        (CENTS, Decimal("0.001"), "more than 2 digits behind the point"),
        (CENTS, Decimal(10000), "more than 4 digits before the point"),
        (CENTS, Decimal("NaN"), "is not a finite number"),
        (CENTS, "1,5", "decimal numbers"),
        (CENTS, True, "decimal numbers"),
        (kind(Kind.DECIMAL, unsigned=True), Decimal(-1), "is negative"),
        (kind(Kind.FLOAT, bits=64), 2**53 + 1, "no float is equal to"),
        (kind(Kind.FLOAT, bits=32), 1e39, "32 bits"),
        (kind(Kind.FLOAT), "1", "floats"),
        (TEXT5, "sixsix", "has more than 5 characters"),
        (LATIN1, "漢", "has a character that latin1 does not have"),
        (kind(Kind.TEXT, charset="ascii"), "é", "ascii does not have"),
        (kind(Kind.TEXT, charset="utf8mb3"), "a😀", "beyond the basic plane"),
        (kind(Kind.TEXT, charset="UTF8"), "a\0b", "NUL character, which PostgreSQL cannot store"),
        (kind(Kind.TEXT), "\ud800", "half a surrogate pair"),
        (kind(Kind.TEXT), True, "is of type bool"),
        (kind(Kind.TEXT), b"x", "is of type bytes"),
        (kind(Kind.TEXT), Decimal("1E+1000000"), "is of type Decimal"),
        (kind(Kind.BYTES, length=2), b"abc", "more than 2 bytes"),
        (kind(Kind.BYTES), "abc", "bytes"),
        (kind(Kind.DATE), datetime(2024, 1, 1, 1), "has a time of day"),  # noqa: DTZ001
        (kind(Kind.DATE), "0000-00-00", "dates"),
        (kind(Kind.TIME), 5, "times of day"),
        (INSTANT, datetime(2024, 1, 1), "is a wall clock, and the column holds instants"),  # noqa: DTZ001
        (SECONDS, "yesterday", "dates with times"),
        (kind(Kind.INTERVAL), 5, "spans of time"),
        (kind(Kind.UUID), "x", "UUIDs"),
        (kind(Kind.UUID), 5, "UUIDs"),
        (kind(Kind.JSON), b"x", "JSON"),
        (kind(Kind.ENUM, members=("a", "b")), "A", "is not a member"),
    ],
)
def test_value_that_would_lose_something_is_refused_without_being_shown(column, value, why):
    with pytest.raises(UnfitError) as caught:
        coercer(column)(value)
    assert why in str(caught.value)
    assert "sixsix" not in str(caught.value)


COLUMNS = [
    kind(Kind.BOOLEAN),
    kind(Kind.INTEGER, bits=8),
    kind(Kind.INTEGER),
    CENTS,
    kind(Kind.DECIMAL),
    kind(Kind.DECIMAL, precision=4, scale=0, unsigned=True),
    TEXT5,
    LATIN1,
    kind(Kind.TEXT, charset="UTF8", nullable=False),
    kind(Kind.TEXT, charset="utf8mb3"),
    kind(Kind.TEXT, fixed=True, length=4),
    kind(Kind.ENUM, members=("a", "b")),
    kind(Kind.DATE),
    SECONDS,
    INSTANT,
    kind(Kind.DATETIME),
    kind(Kind.FLOAT, bits=32),
    kind(Kind.JSON),
    kind(Kind.UUID),
]
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-200, 200),
    st.decimals(min_value=-20000, max_value=20000, places=2),
    st.decimals(),
    st.floats(),
    st.text(alphabet="ab é😀\0\n\ud800€", max_size=6),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, EAST])),
    st.uuids(),
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(COLUMNS), st.data())
def test_column_that_may_stay_as_it_is_would_not_be_changed_value_by_value(column, data):
    values = data.draw(
        st.lists(ANYTHING, max_size=3)
        | st.lists(st.sampled_from(data.draw(st.lists(ANYTHING, min_size=1, max_size=1))), max_size=3)
    )
    if fits(column)(values):
        coerce = coercer(column)
        assert [repr(coerce(value)) for value in values] == [repr(value) for value in values]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (kind(Kind.INTEGER, bits=8), [1, None, -128]),
        (CENTS, [Decimal("1.00"), Decimal("-9999.99")]),
        (TEXT5, ["a", "😀", None]),
        (LATIN1, ["é€"]),
        (kind(Kind.TEXT, fixed=True, length=4), ["ab", "c d"]),
        (INSTANT, [datetime(2024, 1, 1, tzinfo=UTC)]),
        (kind(Kind.DATE), [date(2024, 1, 1)]),
        (TEXT5, [None, None]),
        (TEXT5, []),
    ],
)
def test_ordinary_columns_may_stay_as_they_are(column, values):
    assert fits(column)(values)
