"""`strangler sync status` without a proxy that answers: what the stores themselves tell, once and again and again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from legacy_adapters.engine.status import DirectionStatus
from support.sync_folder import SyncFolder
from support.terminal import CTRL_C, Terminal


@pytest.fixture
def folder(tmp_path: Path) -> SyncFolder:
    made = SyncFolder(tmp_path)
    made.fill(200, poisoned=3)
    return made


@pytest.fixture
def copied(folder: SyncFolder) -> SyncFolder:
    assert folder.run("backfill").returncode == 0
    return folder


def test_stores_are_read_where_the_proxy_does_not_answer_and_that_is_said(copied: SyncFolder) -> None:
    result = copied.run("status")
    assert result.returncode == 3
    assert "The control API at http://127.0.0.1:1 (from config.yaml) cannot be reached" in result.stderr
    assert "Read from the stores" in result.stderr
    title, row = result.stdout.splitlines()[:2]
    assert title.split() == ["sync", "direction", "phase", "copied", "rate", "lag", "applied", "echo", "held"]
    assert row.split() == ["customers", "to_new", "?", "done", "?", "0.0", "s", "?", "?", "3"]


def test_stores_are_not_read_in_place_of_a_proxy_that_was_named(copied: SyncFolder) -> None:
    result = copied.run("status", "--control", "http://user:s3cr3t@127.0.0.1:1")
    assert result.returncode == 3
    assert result.stdout == ""
    assert "s3cr3t" not in result.stderr


def test_what_waits_is_counted_and_has_an_age(copied: SyncFolder) -> None:
    copied.legacy("UPDATE CUST SET NAME = 'BOB' WHERE CUST_NO IN (7, 8)")
    (one,) = copied.said("status", "--stores")["syncs"]
    (way,) = one["directions"]
    assert (way["pending"], way["pending_more"]) == (2, False)
    assert way["held"] == {"mapping": 3}
    assert way["lag_s"] > 0
    assert "customers to_new: 2 captured changes wait, the oldest" in copied.run("status", "--stores").stdout


def test_the_stores_tell_what_a_proxy_would_and_no_cursor_which_may_have_keys_in_it(copied: SyncFolder) -> None:
    (one,) = copied.said("status", "--stores")["syncs"]
    (way,) = one["directions"]
    assert way.keys() == {*DirectionStatus.__slots__, "pending", "pending_more"}
    assert "cursor" not in way


def test_a_change_that_waits_for_too_long_is_wrong(copied: SyncFolder) -> None:
    copied.sync["lag_alarm"] = "10s"
    copied.write()
    copied.legacy("UPDATE CUST SET NAME = 'BOB' WHERE CUST_NO = 7")
    (table,) = copied.legacy("SELECT name FROM sqlite_master WHERE name LIKE 'strangler_outbox_%' AND type = 'table'")
    copied.legacy(f"UPDATE {table[0]} SET at = at - 20")
    (one,) = copied.said("status", "--stores", code=1)["syncs"]
    assert one["stalled"]


def test_a_first_copy_that_was_interrupted_shows_how_far_it_is(folder: SyncFolder) -> None:
    assert folder.run("backfill").returncode == 0
    ((stream, position),) = folder.new(
        "SELECT stream, position FROM strangler_checkpoint WHERE stream LIKE '%backfill'"
    )
    half = {**json.loads(position), "done": False, "rows": 100}
    folder.new("UPDATE strangler_checkpoint SET position = ? WHERE stream = ?", json.dumps(half), stream)
    (way,) = folder.said("status", "--stores")["syncs"][0]["directions"]
    assert (way["copied"], way["rows_done"], way["rows_total"]) == (False, 100, 200)
    shown = folder.run("status", "--stores").stdout
    assert "customers to_new: 100 of about 200 rows, 50%" in shown


def test_a_capture_that_is_gone_is_said_beside_what_is_still_known(copied: SyncFolder) -> None:
    for (name,) in copied.legacy("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        copied.legacy(f"DROP TRIGGER {name}")
    (one,) = copied.said("status", "--stores", code=1)["syncs"]
    assert "triggers" in one["error"]
    assert one["directions"][0]["held"] == {"mapping": 3}


def test_watching_without_a_terminal_prints_whole_lines_until_it_is_interrupted(copied: SyncFolder) -> None:
    command = [sys.executable, "-m", "proxy", "sync", "status", "--stores", "--watch"]
    environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    with subprocess.Popen(command, cwd=copied.path, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert [line[9:].split(":")[0] for line in lines] == [
        "Read from the stores, where it cannot be seen whether anybody runs the syncs, nor what was counted.\n",
        "customers to_new",
    ] * 2
    assert "done copied, ?, lag 0.0 s, ? applied, 3 held\n" in lines[1]


def test_watching_in_a_terminal_draws_in_place_and_ends_with_ctrl_c(copied: SyncFolder) -> None:
    with Terminal(copied.path, "sync", "status", "--stores", "--watch", width=80) as terminal:
        terminal.until(r"customers\s+to_new")
        copied.legacy("UPDATE CUST SET NAME = 'BOB' WHERE CUST_NO = 7")
        terminal.until("1 captured changes? wait")
        terminal.press(CTRL_C)
        assert terminal.end() == 0
    assert terminal.drawn.rstrip().endswith("\x1b[?25h")  # the cursor is back
    assert "Traceback" not in terminal.drawn
    assert "…" not in terminal.drawn


def test_no_password_and_no_trace_where_the_configuration_is_wrong_while_watching(copied: SyncFolder) -> None:
    copied.sync["new"]["url"] = "mysql://bob:s3cr3t@127.0.0.1:port/shop"
    copied.write()
    result = copied.run("status", "--stores", "--watch")
    assert result.returncode == 2
    assert "s3cr3t" not in result.stderr
