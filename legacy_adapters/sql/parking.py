"""Parking: rows whose unique values stand in each other's way are given values that nobody has, for a moment.

Two rows that swap a unique value cannot be written one after the other: either order meets the other's value. Within
one transaction that nobody else sees, both are parked first.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from legacy_adapters.record import Key
from legacy_adapters.sql.connection import Connection, RefusedError
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.table import Table
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Characters of a text that make it unlike every real one; fewer where the column is shorter.
TOKEN_CHARS: Final = 24
_TOKEN_BITS: Final = 48
_INTEGER_BITS_MAX: Final = 64
_DIGITS_MAX: Final = 18


class Parking:
    """Parks rows of one table."""

    def __init__(self, dialect: Dialect, table: Table) -> None:
        self._dialect = dialect
        self._table = table

    async def park(self, connection: Connection, keys: Sequence[Key]) -> None:
        """Give the unique columns of these rows values that nobody has.

        Raises:
            RefusedError: a unique column cannot be parked, or it is in the way of something else.
        """
        columns = self._columns()
        if not keys or not columns:
            return
        names = [*self._table.key, *(column.name for column in columns)]
        rows = [(*key, *(parked(column) for column in columns)) for key in keys]
        await self._dialect.update(connection, self._table, names, rows)

    def _columns(self) -> list[ColumnKind]:
        """One column of each unique key that is not the key itself: one is enough to make the whole unlike others."""
        table = self._table
        keys = [table.shape.primary_key, *(unique.columns for unique in table.shape.uniques if not unique.partial)]
        picked: dict[str, ColumnKind] = {}
        for unique in keys:
            free = [table.shape.column(name) for name in unique if name not in table.key]
            usable = [column for column in free if column.writable]
            if usable and not any(column.name in picked for column in usable):
                best = min(usable, key=lambda column: (not column.nullable, column.kind is not Kind.TEXT))
                picked[best.name] = best
        return list(picked.values())


def parked(column: ColumnKind) -> Any:
    """A value for the column that nobody has, as far as chance allows: another one for every call.

    Raises:
        RefusedError: there is none for its kind.
    """
    if column.nullable:
        return None
    number = secrets.randbits(min(column.bits or _INTEGER_BITS_MAX, _TOKEN_BITS) - 1)
    if column.kind is Kind.INTEGER and column.integer_range is not None:
        least, greatest = column.integer_range
        return greatest - number // 2 if column.unsigned else least + number // 2
    if column.kind is Kind.INTEGER:
        return -number
    if column.kind is Kind.DECIMAL:
        digits = min((column.precision or _DIGITS_MAX) - (column.scale or 0), _DIGITS_MAX)
        return Decimal(secrets.randbelow(10**digits) if digits > 0 else 0) * (1 if column.unsigned else -1)
    if column.kind is Kind.FLOAT:
        return -float(number) - 0.5
    if column.kind is Kind.TEXT:
        return secrets.token_hex(TOKEN_CHARS)[: min(column.length or TOKEN_CHARS, TOKEN_CHARS)]
    if column.kind is Kind.BYTES:
        return secrets.token_bytes(min(column.length or TOKEN_CHARS, TOKEN_CHARS))
    if column.kind is Kind.UUID:
        return uuid.uuid4()
    raise RefusedError("unique", f"column {column.name} of type {column.type_name} cannot be parked to let rows swap")
