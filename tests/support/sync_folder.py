"""A folder with a configuration and two SQLite stores: what the commands of `strangler sync` are tried on."""

from __future__ import annotations

import copy
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from support.strangler_command import Finished, strangler

SYNC: dict[str, Any] = {
    "name": "customers",
    "legacy": {"url": "sqlite:///legacy.db", "table": "CUST", "key": ["CUST_NO"]},
    "new": {"url": "sqlite:///new.db", "table": "customers", "key": ["id"]},
    "direction": "to_new",
    "fields": [
        {"legacy": "CUST_NO", "new": "id"},
        {"legacy": "NAME", "new": "name", "to_new": ["title_case"]},
        {"legacy": "STAT", "new": "status", "values": {"A": "active", "I": "inactive"}},
    ],
}
#: Of a letter that the mapping does not know: such a row goes to quarantine.
POISON = "Z"


class SyncFolder:
    """The sync `customers` between the tables CUST and customers.

    Args:
        path: an empty folder.
        key: type of the key's column.
    """

    def __init__(self, path: Path, *, key: str = "INTEGER") -> None:
        self.path = path
        self.config: dict[str, Any] = {
            "listen": [{"address": "127.0.0.1:0"}],
            "control": {"address": "127.0.0.1:1"},
            "services": {"old": {"urls": ["http://127.0.0.1:1"]}},
            "routes": [{"name": "all", "legacy": "old"}],
            "syncs": [copy.deepcopy(SYNC)],
        }
        self.write()
        self.legacy(f"CREATE TABLE CUST (CUST_NO {key} PRIMARY KEY, NAME TEXT NOT NULL, STAT TEXT)")
        self.new(f"CREATE TABLE customers (id {key} PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL)")

    @property
    def sync(self) -> dict[str, Any]:
        """The first sync of the configuration; `write` saves what is changed."""
        found: dict[str, Any] = self.config["syncs"][0]
        return found

    def write(self) -> None:
        """Save the configuration."""
        (self.path / "config.yaml").write_text(yaml.safe_dump(self.config, allow_unicode=True), "utf-8")

    def legacy(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the legacy store."""
        return self._execute("legacy.db", statement, values)

    def new(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement in the new store."""
        return self._execute("new.db", statement, values)

    def _execute(self, name: str, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path / name, timeout=10)) as db, db:
            return db.execute(statement, values).fetchall()

    def fill(self, rows: int, *, poisoned: int = 0) -> None:
        """Customers 1 to `rows` in legacy, the first ones of them poisoned."""
        self.legacy(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"INSERT INTO CUST SELECT i, 'ANN ' || i, CASE WHEN i <= ? THEN '{POISON}' ELSE 'A' END FROM n",
            rows,
            poisoned,
        )

    def run(self, *arguments: str, **environ: str) -> Finished:
        """`strangler sync …` to its end, in this process, with its output going nowhere near a terminal."""
        return strangler(self.path, "sync", *arguments, **environ)

    def said(self, *arguments: str, code: int = 0) -> Any:
        """The same with `--json`: what it says."""
        result = self.run(*arguments, "--json")
        assert result.returncode == code, result.stdout + result.stderr
        return json.loads(result.stdout)
