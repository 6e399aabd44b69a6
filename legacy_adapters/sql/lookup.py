"""Rows and ledger lines by key: the reads that a snapshot and a transaction share."""

from __future__ import annotations

from collections.abc import Sequence

from legacy_adapters.change import Entry
from legacy_adapters.record import Key, Stored
from legacy_adapters.sql.connection import Connection, Record
from legacy_adapters.sql.dialect import Dialect
from legacy_adapters.sql.ledger import ALIAS as LEDGER
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.table import ALIAS, Table


async def rows_of(
    connection: Connection, dialect: Dialect, table: Table, keys: Sequence[Key], *, lock: bool = False
) -> dict[Key, Stored]:
    """The rows of these very keys: a collation that takes `A` for `a` finds others too, which are left out."""
    wanted = dict.fromkeys(keys)
    ending = f" ORDER BY {', '.join(table.key_names)}{dialect.locking}" if lock else ""
    found: list[Record] = []
    for condition, args in dialect.matching(table.key_columns, table.key_names, list(wanted)):
        sql = f"SELECT {table.selection} FROM {table.name} {ALIAS} WHERE {condition}{ending}"
        found.extend(await connection.fetch(sql, args))
    return {key: stored for key, stored in table.stored(found).items() if key in wanted}


async def entries_of(connection: Connection, dialect: Dialect, ledger: Ledger, keys: Sequence[Key]) -> dict[Key, Entry]:
    """The lines of these source keys; a key that the ledger cannot keep has none, and must not be asked for."""
    wanted = dict.fromkeys(key for key in keys if ledger.keeps(key))
    found: dict[Key, Entry] = {}
    for condition, args in dialect.matching(ledger.source_columns, ledger.source_names, list(wanted)):
        sql = f"SELECT {ledger.selection} FROM {ledger.name} {LEDGER} WHERE {condition}"
        found.update({entry.source_key: entry for entry in ledger.entries(await connection.fetch(sql, args))})
    return {key: entry for key, entry in found.items() if key in wanted}


async def entries_of_targets(
    connection: Connection, dialect: Dialect, ledger: Ledger, keys: Sequence[Key], *, tombstones: bool
) -> dict[Key, Entry]:
    """The lines that lead to these target keys; a tombstone only where it is asked for and there is no other line."""
    wanted = dict.fromkeys(keys)
    found: dict[Key, Entry] = {}
    for condition, args in dialect.matching(ledger.target_columns, ledger.target_names, list(wanted)):
        living = "" if tombstones else f" AND NOT {LEDGER}.tombstone"
        sql = f"SELECT {ledger.selection} FROM {ledger.name} {LEDGER} WHERE ({condition}){living}"
        for entry in ledger.entries(await connection.fetch(sql, args)):
            known = found.get(entry.target_key)
            if known is None or (known.tombstone, -known.generation) > (entry.tombstone, -entry.generation):
                found[entry.target_key] = entry
    return {key: entry for key, entry in found.items() if key in wanted}
