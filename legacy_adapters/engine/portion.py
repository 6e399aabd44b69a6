"""How many rows are read at a time: what is configured, or fewer where rows are wide, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

#: Bytes of values that are read at a time, about: in memory they take several times that.
PORTION_BYTES_MAX: Final = 32 << 20
#: Rows that are read before it is known how wide they are.
ROWS_FIRST: Final = 200
#: Rows of a portion that are measured.
SAMPLE_ROWS: Final = 64
#: A portion grows to so many times the one before at most: a few narrow rows say little of the wide ones behind them.
GROWTH_MAX: Final = 8
#: Bytes of a value that is neither text nor bytes.
_PLAIN_BYTES: Final = 16


class Portions:
    """Sizes the portions of one stream of rows."""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self.rows = min(rows_max, ROWS_FIRST)

    def note(self, count: int, sample: Iterable[Iterable[Any]]) -> None:
        """A portion of `count` rows was read; at most the first `SAMPLE_ROWS` of `sample` are measured."""
        widths = [_bytes(row) for row, _ in zip(sample, range(SAMPLE_ROWS), strict=False)]
        if not widths:
            return
        # The widest counts as much as all others: a table of letters has some with a photograph.
        width = max(sum(widths) / len(widths), max(widths) / SAMPLE_ROWS, 1.0)
        wanted = max(1, int(PORTION_BYTES_MAX / width))
        self.rows = min(self._rows_max, wanted, GROWTH_MAX * self.rows if count >= self.rows else self.rows)


def _bytes(row: Iterable[Any]) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else _size(value) for value in row)


def _size(value: Any) -> int:
    return len(repr(value)) if isinstance(value, dict | list) else _PLAIN_BYTES
