"""`strangler sync …` on real stores: plan, copy, verify, repair, quarantine, each with its exit code."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.strangler_command import strangler

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


def execute(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, timeout=10)) as db, db:
        return db.execute(statement).fetchall()


def said(folder: Path, *arguments: str, code: int = 0) -> Any:
    result = strangler(folder, "sync", *arguments, "--json")
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    execute(tmp_path / "legacy.db", "CREATE TABLE CUST (CUST_NO INTEGER PRIMARY KEY, NAME TEXT NOT NULL, STAT TEXT)")
    execute(
        tmp_path / "new.db", "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL)"
    )
    execute(
        tmp_path / "legacy.db",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
        "INSERT INTO CUST SELECT i, 'ANN ' || i, 'A' FROM n",
    )
    config = {
        "listen": [{"address": "127.0.0.1:0"}],
        "services": {"old": {"urls": ["http://127.0.0.1:1"]}},
        "routes": [{"name": "all", "legacy": "old"}],
        "syncs": [SYNC],
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path


def test_plan_says_what_it_would_do_and_changes_nothing(folder: Path) -> None:
    (plan,) = said(folder, "plan")["plans"]
    assert plan["usable"]
    assert plan["sides"]["legacy"]["capture"] == "outbox"
    assert any("triggers on CUST" in made for made in plan["installs"])
    assert execute(folder / "legacy.db", "SELECT name FROM sqlite_master") == [("CUST",)]
    result = strangler(folder, "sync", "plan")
    assert "customers (to_new): can run" in result.stdout


def test_plan_of_what_cannot_run_names_the_side_and_exits_with_1(folder: Path) -> None:
    execute(folder / "new.db", "DROP TABLE customers")
    (plan,) = said(folder, "plan", code=1)["plans"]
    assert not plan["usable"]
    assert "new store" in plan["findings"][0]["words"]


def test_backfill_verify_repair(folder: Path) -> None:
    (done,) = said(folder, "backfill")["syncs"]
    assert done["phase"] == "live"
    assert execute(folder / "new.db", "SELECT count(*), min(name) FROM customers") == [(50, "Ann 1")]
    (verified,) = said(folder, "verify", "--all")["verified"]
    assert (verified["in_step"], verified["source_rows"], verified["sampled_rows"]) == (True, 50, 50)
    execute(folder / "new.db", "UPDATE customers SET name = 'by hand' WHERE id = 7")
    (found,) = said(folder, "verify", "--repair", code=1)["verified"]
    assert found["counts"] == {"rogue": 1, "mapping": 1}  # what the sample of the mapping sees too
    assert found["findings"][0]["target_key"] == "[7]"
    assert said(folder, "verify")["verified"][0]["in_step"]
    assert execute(folder / "new.db", "SELECT name FROM customers WHERE id = 7") == [("Ann 7",)]


def test_quarantine_is_listed_shown_and_settled(folder: Path) -> None:
    execute(folder / "legacy.db", "UPDATE CUST SET STAT = 'Z' WHERE CUST_NO = 3")
    said(folder, "backfill")
    (held,) = said(folder, "quarantine", "list", code=1)["quarantine"]
    assert (held["source_key"], held["reason"]) == ("[3]", "mapping")
    result = strangler(folder, "sync", "quarantine", "show", "customers", "to_new", "3")
    assert json.loads(result.stdout)["source_row"]["STAT"] == "Z"
    said(folder, "quarantine", "retry", "customers", "to_new", "3", code=1)
    execute(folder / "legacy.db", "UPDATE CUST SET STAT = 'I' WHERE CUST_NO = 3")
    said(folder, "quarantine", "retry", "customers", "to_new", "3")
    assert said(folder, "quarantine", "list")["quarantine"] == []
    assert execute(folder / "new.db", "SELECT status FROM customers WHERE id = 3") == [("inactive",)]


def test_unknown_sync_is_said_with_those_there_are(folder: Path) -> None:
    result = strangler(folder, "sync", "verify", "orders")
    assert result.returncode == 2
    assert "customers" in result.stderr
