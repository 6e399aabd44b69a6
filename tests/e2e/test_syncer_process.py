"""The syncer beside the proxy: copies, follows, survives being killed, and takes up a changed configuration."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.echo_app import EchoOrigin
from support.poll import poll
from support.process_tree import ProcessTree
from support.strangler_command import strangler

FIELDS: list[dict[str, Any]] = [
    {"legacy": "CUST_NO", "new": "id"},
    {"legacy": "NAME", "new": "name", "to_new": ["title_case"], "to_legacy": ["upper"]},
]


def execute(path: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, timeout=10)) as db, db:
        return db.execute(statement, values).fetchall()


def sync(name: str = "customers", direction: str = "both") -> dict[str, Any]:
    return {
        "name": name,
        "legacy": {"url": "sqlite:///legacy.db", "table": "CUST", "key": ["CUST_NO"]},
        "new": {"url": "sqlite:///new.db", "table": "customers", "key": ["id"]},
        "direction": direction,
        "fields": FIELDS,
    }


@pytest.fixture
def tree(tmp_path: Path, echo: EchoOrigin) -> Iterator[ProcessTree]:
    execute(tmp_path / "legacy.db", "CREATE TABLE CUST (CUST_NO INTEGER PRIMARY KEY, NAME TEXT NOT NULL)")
    execute(tmp_path / "new.db", "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    execute(tmp_path / "legacy.db", "INSERT INTO CUST VALUES (1, 'ANN'), (2, 'BOB')")
    config = {
        "services": {"old": {"urls": [echo.url]}},
        "routes": [{"name": "all", "legacy": "old"}],
        "syncs": [sync()],
    }
    with ProcessTree(tmp_path, config) as running:
        yield running


def syncs(tree: ProcessTree) -> dict[str, Any]:
    status, body = tree.control("/api/syncs")
    assert status == 200, body
    return {one["name"]: one for one in json.loads(body)["syncs"]}


def until_live(tree: ProcessTree, name: str = "customers") -> None:
    poll(lambda: syncs(tree).get(name, {}).get("phase") == "live", f"{name} does not become live", 20)


def new_rows(tree: ProcessTree) -> list[tuple[Any, ...]]:
    return execute(tree.folder / "new.db", "SELECT id, name FROM customers ORDER BY id")


def legacy_rows(tree: ProcessTree) -> list[tuple[Any, ...]]:
    return execute(tree.folder / "legacy.db", "SELECT CUST_NO, NAME FROM CUST ORDER BY CUST_NO")


def until_rows(rows: Any, tree: ProcessTree, expected: list[tuple[Any, ...]]) -> None:
    poll(lambda: rows(tree) == expected, f"the rows did not become {expected}", 20)


def test_rows_are_copied_and_changes_follow_both_ways(tree: ProcessTree) -> None:
    until_live(tree)
    assert new_rows(tree) == [(1, "Ann"), (2, "Bob")]
    execute(tree.folder / "legacy.db", "UPDATE CUST SET NAME = 'ANNA' WHERE CUST_NO = 1")
    execute(tree.folder / "new.db", "INSERT INTO customers VALUES (3, 'Cleo')")
    until_rows(new_rows, tree, [(1, "Anna"), (2, "Bob"), (3, "Cleo")])
    until_rows(legacy_rows, tree, [(1, "ANNA"), (2, "BOB"), (3, "CLEO")])
    _, metrics = tree.control("/metrics")
    assert b'strangler_sync_phase{phase="live",sync="customers"} 1.0' in metrics
    assert b"strangler_syncer_ready 1.0" in metrics


def test_a_syncer_that_is_killed_goes_on_where_it_was(tree: ProcessTree) -> None:
    until_live(tree)
    (syncer,) = tree.members("proxy.syncer")
    syncer.send_signal(signal.SIGKILL)
    execute(tree.folder / "legacy.db", "DELETE FROM CUST WHERE CUST_NO = 2")
    execute(tree.folder / "legacy.db", "INSERT INTO CUST VALUES (4, 'DAN')")
    until_rows(new_rows, tree, [(1, "Ann"), (4, "Dan")])
    assert tree.until_event("process.died")["process"] == "syncer"


def test_status_shows_the_syncs_of_the_proxy_and_what_is_in_quarantine(tree: ProcessTree) -> None:
    until_live(tree)
    execute(tree.folder / "new.db", "CREATE TRIGGER no BEFORE INSERT ON customers BEGIN SELECT RAISE(ABORT, 'no'); END")
    execute(tree.folder / "legacy.db", "INSERT INTO CUST VALUES (5, 'EVE')")
    held = lambda: [sum(way["held"].values()) for way in syncs(tree)["customers"]["directions"]]  # noqa: E731
    poll(lambda: held() == [1, 0], "nothing is held", 20)
    result = strangler(tree.folder, "sync", "status", "--control", f"127.0.0.1:{tree.control_port}")
    assert result.returncode == 0, result.stderr
    (first, second) = result.stdout.splitlines()[1:3]
    assert first.split()[:4] == ["customers", "to_new", "live", "done"]
    assert [first.split()[-1], second.split()[-1]] == ["1", "0"]
    _, metrics = tree.control("/metrics")
    assert b'strangler_sync_held{direction="to_new",reason="other",sync="customers"} 1.0' in metrics


def test_a_reload_adds_a_sync_and_the_others_go_on(tree: ProcessTree) -> None:
    until_live(tree)
    execute(tree.folder / "legacy.db", "CREATE TABLE ITEM (NO INTEGER PRIMARY KEY, TXT TEXT)")
    execute(tree.folder / "new.db", "CREATE TABLE items (no INTEGER PRIMARY KEY, text TEXT)")
    execute(tree.folder / "legacy.db", "INSERT INTO ITEM VALUES (1, 'fig')")
    items = {
        **sync("items", "to_new"),
        "legacy": {"url": "sqlite:///legacy.db", "table": "ITEM", "key": ["NO"]},
        "new": {"url": "sqlite:///new.db", "table": "items", "key": ["no"]},
        "fields": [{"legacy": "NO", "new": "no"}, {"legacy": "TXT", "new": "text"}],
    }
    tree.config["syncs"] = [sync(), items]
    tree.reload()
    until_live(tree, "items")
    until_rows(lambda one: execute(one.folder / "new.db", "SELECT no, text FROM items"), tree, [(1, "fig")])
    execute(tree.folder / "legacy.db", "UPDATE CUST SET NAME = 'ANNIE' WHERE CUST_NO = 1")
    until_rows(new_rows, tree, [(1, "Annie"), (2, "Bob")])


def test_a_sync_that_cannot_be_says_why_and_the_others_run(tree: ProcessTree) -> None:
    until_live(tree)
    broken = {**sync("orders", "to_new"), "legacy": {"url": "sqlite:///legacy.db", "table": "NONE", "key": ["NO"]}}
    broken["fields"] = [{"legacy": "NO", "new": "id"}]
    tree.config["syncs"] = [sync(), broken]
    tree.reload()
    poll(lambda: syncs(tree).get("orders", {}).get("phase") == "stopped", "the broken sync does not say so", 20)
    assert "sync orders, legacy store" in syncs(tree)["orders"]["error"]
    until_live(tree)


def test_workers_are_not_told_the_passwords_of_stores(tree: ProcessTree) -> None:
    assert "strangler_client_connections" in tree.control("/metrics")[1].decode()
    (syncer,) = tree.members("proxy.syncer")
    assert "legacy.db" not in " ".join(syncer.cmdline())
