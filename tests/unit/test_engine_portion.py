"""Portions of wide rows are small, and those of narrow ones as large as is configured."""

from __future__ import annotations

from legacy_adapters.engine.portion import PORTION_BYTES_MAX, ROWS_FIRST, Portions


def test_narrow_rows_are_read_as_many_as_are_configured_after_a_few_portions() -> None:
    portions = Portions(5000)
    assert portions.rows == ROWS_FIRST
    for _ in range(3):
        portions.note(portions.rows, [(1, "name", None)] * 64)
    assert portions.rows == 5000


def test_wide_rows_are_read_a_few_at_a_time() -> None:
    portions = Portions(5000)
    portions.note(ROWS_FIRST, [(1, b"x" * (16 << 20))] * 2)
    assert portions.rows * (16 << 20) <= PORTION_BYTES_MAX
    portions.note(portions.rows, [(1, b"x")])
    assert portions.rows <= 16, "it grows again by and by"


def test_no_rows_say_nothing() -> None:
    portions = Portions(100)
    portions.note(0, [])
    assert portions.rows == 100
