"""Another process that keeps the write lock of an SQLite file for a while, as one on a machine that is overloaded does."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def locked(file: Path, hold_s: float) -> Iterator[None]:
    """Hold the lock from now on, and for so long; whatever the block does goes on beside it."""
    held = threading.Event()
    let_go = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(file, timeout=20, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            held.set()
            let_go.wait(hold_s)
            connection.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30), "the lock cannot be had"
        yield
    finally:
        let_go.set()
        holder.join()
