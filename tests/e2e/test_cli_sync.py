"""`strangler sync …` on real stores: plan, copy, verify, repair, quarantine, each with its exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.sync_folder import SyncFolder


@pytest.fixture
def folder(tmp_path: Path) -> SyncFolder:
    made = SyncFolder(tmp_path)
    made.fill(50)
    return made


def test_plan_says_what_it_would_do_and_changes_nothing(folder: SyncFolder) -> None:
    (plan,) = folder.said("plan")["plans"]
    assert plan["usable"]
    assert plan["sides"]["legacy"]["capture"] == "outbox"
    assert any("triggers on CUST" in made for made in plan["installs"])
    assert folder.legacy("SELECT name FROM sqlite_master") == [("CUST",)]
    result = folder.run("plan")
    assert "customers (to_new): can run" in result.stdout


def test_plan_of_what_cannot_run_names_the_side_and_exits_with_1(folder: SyncFolder) -> None:
    folder.new("DROP TABLE customers")
    (plan,) = folder.said("plan", code=1)["plans"]
    assert not plan["usable"]
    assert "new store" in plan["findings"][0]["words"]


def test_backfill_verify_repair(folder: SyncFolder) -> None:
    (done,) = folder.said("backfill")["syncs"]
    assert done["phase"] == "live"
    assert folder.new("SELECT count(*), min(name) FROM customers") == [(50, "Ann 1")]
    (verified,) = folder.said("verify", "--all")["verified"]
    assert (verified["in_step"], verified["source_rows"], verified["sampled_rows"]) == (True, 50, 50)
    folder.new("UPDATE customers SET name = 'by hand' WHERE id = 7")
    (found,) = folder.said("verify", "--repair", code=1)["verified"]
    assert found["counts"] == {"rogue": 1, "mapping": 1}  # what the sample of the mapping sees too
    assert found["findings"][0]["target_key"] == "[7]"
    assert folder.said("verify")["verified"][0]["in_step"]
    assert folder.new("SELECT name FROM customers WHERE id = 7") == [("Ann 7",)]


def test_quarantine_is_listed_shown_and_settled(folder: SyncFolder) -> None:
    folder.legacy("UPDATE CUST SET STAT = 'Z' WHERE CUST_NO = 3")
    folder.said("backfill")
    (held,) = folder.said("quarantine", "list", code=1)["quarantine"]
    assert (held["source_key"], held["reason"]) == ("[3]", "mapping")
    assert folder.said("quarantine", "show", "customers", "to_new", "3")["source_row"]["STAT"] == "Z"
    folder.said("quarantine", "retry", "customers", "to_new", "3", code=1)
    folder.legacy("UPDATE CUST SET STAT = 'I' WHERE CUST_NO = 3")
    folder.said("quarantine", "retry", "customers", "to_new", "3")
    assert folder.said("quarantine", "list")["quarantine"] == []
    assert folder.new("SELECT status FROM customers WHERE id = 3") == [("inactive",)]


def test_a_terminal_that_is_not_utf_8_is_shown_what_it_can(folder: SyncFolder) -> None:
    command = [sys.executable, "-m", "proxy", "sync", "plan"]
    environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=folder.path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "STAT \\u2192 status" in done.stdout


def test_unknown_sync_is_said_with_those_there_are(folder: SyncFolder) -> None:
    result = folder.run("verify", "orders")
    assert result.returncode == 2
    assert "customers" in result.stderr
