from __future__ import annotations

import pytest

from legacy_adapters.values.kinds import ColumnKind, Kind


@pytest.mark.parametrize(
    ("bits", "unsigned", "expected"),
    [
        (8, False, (-128, 127)),
        (24, True, (0, 16_777_215)),
        (64, False, (-(2**63), 2**63 - 1)),
        (64, True, (0, 2**64 - 1)),
        (None, False, None),
    ],
)
def test_integer_column_knows_what_fits(bits: int | None, unsigned: bool, expected: tuple[int, int] | None) -> None:
    assert ColumnKind("n", Kind.INTEGER, bits=bits, unsigned=unsigned).integer_range == expected


def test_text_column_has_no_integer_range() -> None:
    assert ColumnKind("n", Kind.TEXT, bits=32).integer_range is None


def test_generated_column_is_never_written() -> None:
    assert not ColumnKind("n", Kind.INTEGER, generated=True).writable
