"""Many rows updated by one statement: a list of values joined to the table by its key.

A statement for each row is parsed and planned for each row: 87 µs of the server per row of six columns under capture;
joined it is 18 (2,000 rows at a time, MariaDB 10.11). A value in a list takes the type of its whole column, so lists
are used only where that cannot alter one: numbers of one type, and whatever is written as text. The rest goes row by
row, as do the last few of a list in which the server refused something (`sql.writing` halves it), so that what is said
of a row is said of it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from legacy_adapters.record import Key
from legacy_adapters.sql.table import ALIAS, Table
from legacy_adapters.values.kinds import ColumnKind, Kind

#: From so many rows on a list is used.
ROWS_MIN: Final = 4
LIST: Final = "w"
#: Kinds of keys by which a join finds a row as a written value does, by its index.
_KEYS: Final = frozenset({Kind.INTEGER, Kind.TEXT, Kind.UUID})
#: Kinds whose values are numbers in a statement: all of a list must be of that type.
_NUMBERS: Final[dict[Kind, tuple[type, ...]]] = {Kind.INTEGER: (int,), Kind.BOOLEAN: (bool, int), Kind.FLOAT: (float,)}
#: Kinds whose values are text in a statement. Decimals too: a list of numbers would round them to its common scale.
_TEXTS: Final = frozenset({Kind.TEXT, Kind.DATE, Kind.TIME, Kind.DATETIME, Kind.UUID, Kind.ENUM, Kind.JSON})


class JoinedUpdate:
    """The statement that updates rows of one table, by names.

    Attributes:
        head: what stands before the values.
        tail: what stands behind them.
    """

    def __init__(
        self,
        table: Table,
        names: Sequence[str],
        quote: Callable[[str], str],
        same: Callable[[ColumnKind, str, str], str],
    ) -> None:
        columns = [f"c{at}" for at in range(len(names))]
        keys, others = table.positions(names)
        joined = " AND ".join(
            same(column, f"{ALIAS}.{quote(column.name)}", f"{LIST}.c{at}")
            for column, at in zip(table.key_columns, keys, strict=True)
        )
        sets = ", ".join(f"{ALIAS}.{quote(names[at])} = {LIST}.c{at}" for at in others)
        # The optimizer would read a small table whole, and statistics of one that grows from nothing mislead.
        index = " FORCE INDEX (PRIMARY)" if set(table.shape.primary_key) == set(table.key) else ""
        self.head = f"UPDATE (WITH v ({', '.join(columns)}) AS (VALUES "
        self.tail = f") SELECT * FROM v) {LIST} STRAIGHT_JOIN {table.name} {ALIAS}{index} ON {joined} SET {sets}"


def listable(table: Table, names: Sequence[str], rows: Sequence[Key]) -> bool:
    """Whether these rows are the same to the server in a list as one by one."""
    if len(rows) < ROWS_MIN or not all(column.kind in _KEYS for column in table.key_columns):
        return False
    columns = map(table.shape.column, names)
    return all(_listable(column, values) for column, values in zip(columns, zip(*rows, strict=True), strict=True))


def _listable(column: ColumnKind, values: Sequence[Any]) -> bool:
    kinds = set(map(type, values))
    if type(None) in kinds and not column.nullable:
        return False
    kinds.discard(type(None))
    if column.kind is Kind.DECIMAL or column.kind in _TEXTS:
        return not kinds & {bytes, bool, int, float}
    if column.kind is Kind.BYTES:
        return kinds <= {bytes}
    numbers = _NUMBERS.get(column.kind)
    return numbers is not None and all(kind in numbers for kind in kinds)
