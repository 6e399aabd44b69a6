"""Exact duplicates: which records may be the same one, as a question that the engine puts to the store."""

from __future__ import annotations

from dataclasses import dataclass

from routes.config import Sync


@dataclass(frozen=True, slots=True)
class DuplicateQuery:
    """Records of the new store that agree on every one of some columns. They are flagged, never merged.

    `SELECT columns, count(*) … WHERE every column is neither NULL nor blank GROUP BY columns HAVING count(*) > 1`,
    compared in binary collation: two values are the same where their canonical text is, which is what normalising
    transforms (email, phone, trim, lower) are for. For a batch, only the groups of its rows are asked.

    Attributes:
        columns: of the new store, in the order of the configuration.
        key: columns that name the records to be flagged.
    """

    columns: tuple[str, ...]
    key: tuple[str, ...]


def duplicates_of(sync: Sync) -> DuplicateQuery | None:
    """The question of a sync; None where duplicates are not looked for."""
    if sync.duplicates is None:
        return None
    return DuplicateQuery(tuple(sync.duplicates.on), tuple(sync.new.key))
