"""When two values are the same, whatever stores and drivers they came from."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_adapters.values.canonical import canonical, canonical_row, comparer, fingerprint
from legacy_adapters.values.kinds import ColumnKind, Kind

EAST = timezone(timedelta(hours=2))
WALL = datetime(2024, 7, 1, 12)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("1.50"), Decimal("1.5")),
        (Decimal(100), Decimal("1E+2")),
        (Decimal("-0"), 0),
        (7, Decimal("7.00")),
        ("e\u0301", "\u00e9"),
        (WALL.replace(tzinfo=EAST), WALL.replace(hour=10, tzinfo=UTC)),
        (WALL, WALL.replace(fold=1)),
        ({"a": 1, "b": [1.0]}, {"b": [1], "a": 1.0}),
        (bytearray(b"x"), b"x"),
        (memoryview(b"x"), b"x"),
        (float("nan"), float("nan")),
        (Decimal("NaN"), Decimal("nan")),
    ],
)
def test_same(one, other):
    assert canonical(one) == canonical(other)
    assert comparer(None)(one, other)
    assert fingerprint([one]) == fingerprint([other])


DIFFERENT: list[Any] = [
    None, "", " ", "a", "a ", "A", 0, 1, "1", True, False, 1.5, 0.0, -0.0, 0.1 + 0.2, 0.3, Decimal("0.3"), Decimal("1.5"), b"",
    b"a", date(2024, 7, 1), WALL, WALL.replace(microsecond=1), WALL.replace(tzinfo=UTC), time(12), timedelta(1), [], {},
    [None], [""], ["1"], [1], {"a": None}, UUID(int=0), "é", "e", Decimal("Infinity"), float("inf"), "😀", date(1, 1, 1),
]  # fmt: skip


def test_all_of_these_are_different():
    forms = {canonical(value) for value in DIFFERENT}
    assert len(forms) == len(DIFFERENT)
    same = comparer(None)
    for index, one in enumerate(DIFFERENT):
        assert [at for at, other in enumerate(DIFFERENT) if same(one, other)] == [index]


@given(st.lists(st.none() | st.text() | st.binary() | st.integers()), st.lists(st.none() | st.text() | st.integers()))
def test_rows_do_not_run_into_each_other(one, other):
    same = len(one) == len(other) and all(canonical(a) == canonical(b) for a, b in zip(one, other, strict=True))
    assert (canonical_row(one) == canonical_row(other)) == same


def test_values_split_otherwise_over_two_columns_are_another_row():
    assert canonical_row(["ab", "c"]) != canonical_row(["a", "bc"])
    assert canonical_row([None, "a"]) != canonical_row(["a", None])
    assert canonical_row(["1:s", ""]) != canonical_row(["1", ":s"])


def test_fingerprint_is_64_bits_with_sign_and_stable():
    assert fingerprint([1, "a", None]) == fingerprint([Decimal("1.0"), "a", None])
    assert -(2**63) <= fingerprint(["x"]) < 2**63
    assert fingerprint([]) == -1970711489451281740


@pytest.mark.parametrize(
    ("kind", "one", "other", "expected"),
    [
        (ColumnKind("c", Kind.TEXT, fixed=True, length=5), "ab", "ab   ", True),
        (ColumnKind("c", Kind.TEXT, length=5), "ab", "ab   ", False),
        (ColumnKind("c", Kind.TEXT), "a", "A", False),
        (ColumnKind("c", Kind.DATETIME, fraction=0), WALL, WALL.replace(microsecond=7), True),
        (ColumnKind("c", Kind.DATETIME, fraction=6), WALL, WALL.replace(microsecond=7), False),
        (ColumnKind("c", Kind.DATETIME), WALL.replace(tzinfo=UTC), WALL, True),
        (ColumnKind("c", Kind.BOOLEAN), True, 1, True),
        (ColumnKind("c", Kind.BOOLEAN), False, None, False),
        (ColumnKind("c", Kind.FLOAT, bits=32), 0.1, 0.10000000149011612, True),
        (ColumnKind("c", Kind.FLOAT, bits=64), 0.1, 0.10000000149011612, False),
        (ColumnKind("c", Kind.DECIMAL, precision=5, scale=2), 1.5, Decimal("1.50"), True),
        (ColumnKind("c", Kind.JSON), {"a": 1.0}, {"a": 1}, True),
        (ColumnKind("c", Kind.JSON), "a", "a", True),
        (ColumnKind("c", Kind.JSON), 1, 1.0, True),
        (ColumnKind("c", Kind.JSON), 1, True, False),
        (ColumnKind("c", Kind.UUID), UUID(int=1), str(UUID(int=1)), True),
        (ColumnKind("c", Kind.INTEGER, bits=8), 300, 300, True),
        (ColumnKind("c", Kind.INTEGER, bits=8), 300, 301, False),
        (ColumnKind("c", Kind.TEXT, length=1), "", None, False),
    ],
)
def test_column_decides_what_means_nothing(kind, one, other, expected):
    same = comparer(kind)
    assert same(one, other) is expected
    assert same(other, one) is expected
