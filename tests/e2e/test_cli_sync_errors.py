"""What `strangler sync` says where something is wrong: what, where, what to do; never a trace, never a password."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.sync_folder import SyncFolder

SECRET = "s3cr3t"
COMMANDS = (("plan",), ("verify",), ("repair",), ("backfill",), ("quarantine", "list"), ("status", "--stores"))

#: Commands that show a sync which cannot be opened beside others that can.
SHOW_IT = ("plan", "backfill", "status")


@pytest.fixture
def folder(tmp_path: Path) -> SyncFolder:
    made = SyncFolder(tmp_path)
    made.fill(5)
    return made


def names(folder: SyncFolder) -> set[Any]:
    found: set[Any] = set()
    for store in ("legacy.db", "new.db"):
        with closing(sqlite3.connect(folder.path / store)) as db:
            found |= {(store, name) for (name,) in db.execute("SELECT name FROM sqlite_master")}
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "says", "code"),
    [
        ("postgresql://bob:s3cr3t@127.0.0.1:1/shop", "new store", 3),
        ("postgresql://127.0.0.1:1/shop?user=bob&password=s3cr3t", "new store", 3),
        ("mysql://bob:s3cr3t@127.0.0.1:1/shop", "new store", 3),
        ("mysql://bob:s3cr3t@no.such.host.invalid/shop", "no.such.host.invalid", 3),
        ("mysql://bob:s3cr3t@127.0.0.1:port/shop", "port", 2),
        ("mysql//bob:s3cr3t@127.0.0.1/shop", "is not a URL of a database", 2),
        ("cobol://bob:s3cr3t@127.0.0.1/shop", "no connector for cobol", 2),
        ("sqlite:///nowhere/new.db", "nowhere", 2),
        ("sqlite:///config.yaml", "not a database", 3),
    ],
)
def test_a_store_that_cannot_be_had_is_named_without_its_password(
    folder: SyncFolder, command: tuple[str, ...], url: str, says: str, code: int
) -> None:
    folder.sync["new"]["url"] = url
    folder.write()
    result = folder.run(*command)
    said = result.stdout + result.stderr
    assert says in said
    assert SECRET not in said
    assert "Traceback" not in said
    wanted = 1 if command[0] in SHOW_IT and code == 2 and "syncs[0]" not in said else code
    assert result.returncode == wanted, said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_table_that_is_not_there_is_wrong_configuration(folder: SyncFolder, command: tuple[str, ...]) -> None:
    folder.sync["new"]["table"] = "custmers"
    folder.write()
    result = folder.run(*command)
    assert result.returncode == (1 if command[0] in SHOW_IT else 2), result.stdout + result.stderr
    assert "sync customers, new store: SQLite has no table custmers" in result.stdout + result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("verify",),
        ("repair",),
        *(("quarantine", what, "customers", "to_new", "1") for what in ("show", "retry", "drop")),
    ],
    ids=" ".join,
)
def test_a_sync_that_never_ran_is_said_so_and_nothing_is_made(folder: SyncFolder, command: tuple[str, ...]) -> None:
    before = names(folder)
    result = folder.run(*command)
    assert result.returncode == 1
    assert "The sync customers has never run" in result.stderr
    assert "strangler sync backfill customers" in result.stderr
    assert names(folder) == before


@pytest.mark.parametrize(
    ("command", "says"), [(("quarantine", "list"), "never run"), (("status", "--stores"), " new ")], ids=str
)
def test_looking_at_a_sync_that_never_ran_makes_nothing(
    folder: SyncFolder, command: tuple[str, ...], says: str
) -> None:
    before = names(folder)
    result = folder.run(*command)
    assert says in result.stdout + result.stderr
    assert names(folder) == before


def test_a_sync_that_there_is_not_is_answered_with_the_nearest(folder: SyncFolder) -> None:
    result = folder.run("verify", "custmers")
    assert result.returncode == 2
    assert "There is no sync custmers. Did you mean customers?" in result.stderr
    assert "\x1b" not in folder.run("verify", "\x1b[31mred").stderr


def test_a_configuration_without_syncs_is_said_so(folder: SyncFolder) -> None:
    folder.config["syncs"] = []
    folder.write()
    result = folder.run("verify")
    assert result.returncode == 2
    assert "config.yaml has no syncs" in result.stderr


def test_one_sync_is_worked_on_while_the_store_of_another_is_away(folder: SyncFolder) -> None:
    assert folder.run("backfill").returncode == 0
    other = {**folder.sync, "name": "others", "new": {**folder.sync["new"], "url": "postgresql://127.0.0.1:1/x"}}
    folder.config["syncs"].append(other)
    folder.write()
    assert folder.said("verify", "customers")["verified"][0]["in_step"]
    assert folder.run("verify").returncode == 3


def test_a_mapping_module_that_ends_the_process_is_an_error_of_the_mapping(folder: SyncFolder) -> None:
    folder.sync["fields"][1]["to_new"] = ["mapping:boom"]
    folder.write()
    (folder.path / "mapping.py").write_text("raise SystemExit('enough')\n")
    result = folder.run("plan")
    assert result.returncode == 1
    assert "mapping:boom" in result.stdout
