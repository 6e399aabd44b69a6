"""A few of the runs of `benchmarks/sync_chaos.py`: killed for real, on real databases, with writers on both sides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = 2


def play(legacy: str, new: str, folder: Path) -> list[dict]:
    """Runs in a process that has no event loop, since it forks."""
    command = [sys.executable, "-m", "support.sync_chaos", legacy, new, str(folder), "0", str(RUNS)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode in {0, 1}, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_killed_syncer_between_mariadb_and_postgresql_loses_nothing(mariadb_url, postgresql_url, tmp_path):
    results = play(mariadb_url, postgresql_url, tmp_path)
    assert [(result["wrong"], result["killed"]) for result in results] == [([], 6)] * RUNS


@pytest.mark.slow
def test_killed_syncer_between_sqlite_and_postgresql_loses_nothing(postgresql_url, tmp_path):
    results = play(f"sqlite:///{tmp_path}/legacy.db", postgresql_url, tmp_path)
    assert [(result["wrong"], result["killed"]) for result in results] == [([], 6)] * RUNS
