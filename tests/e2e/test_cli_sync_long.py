"""Long work of `strangler sync`: how far it is, in a terminal and without one, and that it can be ended at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.poll import poll
from support.sync_folder import SyncFolder
from support.terminal import CTRL_C, Terminal

ROWS = 2_000


@pytest.fixture
def slow(tmp_path: Path) -> SyncFolder:
    """A first copy that takes 100 seconds."""
    made = SyncFolder(tmp_path)
    made.fill(ROWS)
    made.sync["backfill"] = {"chunk_rows": 10, "rate_max": "20/s"}
    made.write()
    return made


@contextmanager
def started(folder: SyncFolder, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "proxy", "sync", *arguments]
    environ = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": os.environ["PATH"]}
    with subprocess.Popen(
        command, cwd=folder.path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def finish(folder: SyncFolder) -> None:
    """Let the copy go on as fast as it can; everything must be there, once."""
    del folder.sync["backfill"]
    folder.write()
    assert folder.run("backfill").returncode == 0
    (verified,) = folder.said("verify", "--all")["verified"]
    assert (verified["in_step"], verified["target_rows"]) == (True, ROWS)


def test_a_first_copy_is_drawn_in_a_terminal_and_goes_on_after_ctrl_c(slow: SyncFolder) -> None:
    with Terminal(slow.path, "sync", "backfill", width=80) as terminal:
        terminal.until(r"customers to_new: \d+ of about 2,000 rows, [\d.]+%, [\d.]+/s, 1m \d\ds left")
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    assert "Interrupted. The same command goes on where it was." in terminal.drawn
    assert "Traceback" not in terminal.drawn
    assert 0 < slow.new("SELECT count(*) FROM customers")[0][0] < ROWS
    finish(slow)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_first_copy_is_told_in_lines_without_a_terminal(slow: SyncFolder, number: signal.Signals) -> None:
    with started(slow, "backfill", "--json") as process:
        assert process.stderr is not None
        assert process.stdout is not None
        line = process.stderr.readline()
        process.send_signal(number)
        (one,) = json.loads(process.stdout.read())["syncs"]
        assert process.wait(30) == 130
    assert line.startswith("customers to_new: ")
    assert " of about 2,000 rows, " in line
    assert one["directions"][0]["copied"] is False


def test_a_first_copy_that_is_killed_goes_on(slow: SyncFolder) -> None:
    with started(slow, "backfill") as process:
        poll(
            lambda: slow.new("SELECT 1 FROM sqlite_master WHERE name = 'strangler_checkpoint'"), "it does not begin", 60
        )
        poll(lambda: slow.new("SELECT count(*) FROM customers")[0][0], "nothing is copied", 60)
        process.kill()
    finish(slow)


def test_verification_that_is_interrupted_is_not_taken_for_one_that_found_nothing(tmp_path: Path) -> None:
    folder = SyncFolder(tmp_path)
    folder.fill(5)
    assert folder.run("backfill").returncode == 0
    folder.legacy("UPDATE CUST SET NAME = 'BOB' WHERE CUST_NO = 3")  # on its way, and nobody runs the sync
    with Terminal(folder.path, "sync", "verify", width=80) as terminal:
        terminal.until("customers to_new, looking again at what may be on its way: 0 of about 1")
        terminal.press(CTRL_C)
        assert terminal.end() == 130
    assert "Interrupted." in terminal.drawn
    assert "in step" not in terminal.drawn
    assert "Traceback" not in terminal.drawn


def test_what_verification_drew_of_its_progress_is_gone_from_its_result(tmp_path: Path) -> None:
    folder = SyncFolder(tmp_path)
    folder.fill(5)
    assert folder.run("backfill").returncode == 0
    folder.new("UPDATE customers SET name = 'by hand' WHERE id = 2")
    with Terminal(folder.path, "sync", "verify", width=80) as terminal:
        assert terminal.end() == 1
    result = terminal.drawn[terminal.drawn.index("customers to_new: not in step") - 30 :]
    assert "looking again" not in result
    assert "`strangler sync repair` lets the source win." in result
