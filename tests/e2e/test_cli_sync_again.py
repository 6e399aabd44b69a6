"""`strangler sync backfill --again`, the way out of a capture that was interrupted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml

from support.strangler_command import strangler

SYNC: dict[str, Any] = {
    "name": "customers",
    "legacy": {"url": "sqlite:///legacy.db", "table": "t", "key": ["id"]},
    "new": {"url": "sqlite:///new.db", "table": "t", "key": ["id"]},
    "fields": [{"legacy": "id", "new": "id"}, {"legacy": "name", "new": "name"}],
}


def execute(path: Path, *statements: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, timeout=10)) as db, db:
        return [db.execute(statement).fetchall() for statement in statements][-1]


def test_a_capture_that_was_emptied_stops_until_everything_is_copied_again(tmp_path: Path) -> None:
    config = {
        "listen": [{"address": "127.0.0.1:0"}],
        "services": {"old": {"urls": ["http://127.0.0.1:1"]}},
        "routes": [{"name": "all", "legacy": "old"}],
        "syncs": [SYNC],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    for name in ("legacy.db", "new.db"):
        execute(tmp_path / name, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    execute(tmp_path / "legacy.db", "INSERT INTO t VALUES (1, 'a')")
    assert strangler(tmp_path, "sync", "backfill").returncode == 0
    execute(tmp_path / "legacy.db", "DROP TRIGGER strangler_update_t", "UPDATE t SET name = 'b'")
    stopped = strangler(tmp_path, "sync", "backfill", "--json")
    assert stopped.returncode != 0, stopped.stdout
    assert "sync backfill --again" in stopped.stdout
    assert execute(tmp_path / "new.db", "SELECT * FROM t") == [(1, "a")]
    again = strangler(tmp_path, "sync", "backfill", "--again")
    assert again.returncode == 0, again.stdout + again.stderr
    assert execute(tmp_path / "new.db", "SELECT * FROM t") == [(1, "b")]
