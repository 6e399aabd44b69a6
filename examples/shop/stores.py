"""How the demo's SQLite files come to be: filled beside their place, then moved there whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path


def prepare(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make and fill the store when it is missing.

    Somebody who ends the demo while it fills a store leaves no half-filled one behind.
    """
    if path.exists():
        return
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft)) as db:
        fill(db)
        db.commit()
    draft.rename(path)


def insert(db: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    """Insert rows that name a value for every column."""
    db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
