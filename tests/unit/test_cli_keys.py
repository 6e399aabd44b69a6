"""Keys that commands print can be given to commands, whatever is in them, and people may write them plainly."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy_adapters.values.kinds import ColumnKind, Kind
from proxy.cli.sync.keys import key_text, read_key

TEXT, INTEGER = ColumnKind("CODE", Kind.TEXT, "varchar(40)"), ColumnKind("NO", Kind.INTEGER, "integer")
DECIMAL = ColumnKind("PRICE", Kind.DECIMAL, "numeric(10,2)", precision=10, scale=2)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers())
def test_a_printed_key_is_read_back_and_a_terminal_acts_on_nothing_of_it(text: str, number: int) -> None:
    printed = key_text((text, number))
    assert printed.isprintable()
    assert read_key(printed, [TEXT, INTEGER]) == (text, number)
    assert read_key(key_text((text,)), [TEXT]) == (text,)


@pytest.mark.parametrize(
    ("value", "column"),
    [
        (Decimal("1.50"), DECIMAL),
        (dt.date(2026, 1, 2), ColumnKind("D", Kind.DATE)),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6), ColumnKind("D", Kind.DATETIME)),  # noqa: DTZ001
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC), ColumnKind("D", Kind.DATETIME, zoned=True)),
        (dt.time(3, 4, 5), ColumnKind("T", Kind.TIME)),
        (UUID(int=7), ColumnKind("U", Kind.UUID)),
        (b"\x00\xff", ColumnKind("B", Kind.BYTES)),
        (0.1, ColumnKind("F", Kind.FLOAT)),
        (True, ColumnKind("Y", Kind.BOOLEAN)),
    ],
)
def test_values_of_every_kind_are_read_back_as_the_store_has_them(value: object, column: ColumnKind) -> None:
    (found,) = read_key(key_text((value,)), [column])
    assert (found, type(found)) == (value, type(value))
    assert str(found) == str(value)


@pytest.mark.parametrize("plain", ["7", "007", "1e5", "true", "null", "A 7", "{}", '{"a": 1}', "[x", "日本"])
def test_plain_text_is_the_value_of_a_text_column(plain: str) -> None:
    assert read_key(plain, [TEXT]) == (plain,)


def test_a_plain_number_is_the_value_of_a_column_of_numbers() -> None:
    assert read_key("7", [INTEGER]) == (7,)
    assert str(read_key("1.5", [DECIMAL])[0]) == "1.50"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("abc", "NO is integer"),
        ("[1, 2]", "the key has 1 column"),
        ("\x1b[31m", "NO is integer"),
        ("", "NO is integer"),
    ],
)
def test_what_is_no_key_is_answered_with_how_one_is_written(text: str, says: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        read_key(text, [INTEGER])
    assert says in caught.value.message
    assert "Write the value of NO" in caught.value.message
    assert "\x1b" not in caught.value.message


def test_a_plain_value_is_no_key_of_two_columns() -> None:
    with pytest.raises(click.BadParameter) as caught:
        read_key("7", [TEXT, INTEGER])
    assert "the key has 2 columns. Write '[CODE, NO]'" in caught.value.message
