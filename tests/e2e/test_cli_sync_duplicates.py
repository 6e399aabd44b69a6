"""`strangler sync duplicates`: records that may be the same one, as a list and row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.sync_folder import SyncFolder


@pytest.fixture
def folder(tmp_path: Path) -> SyncFolder:
    made = SyncFolder(tmp_path)
    made.sync["duplicates"] = {"on": ["name", "status"]}
    made.write()
    made.legacy("INSERT INTO CUST VALUES (1, 'ANN', 'A'), (2, 'ann', 'A'), (3, 'Ann', 'I'), (4, 'BOB', 'A')")
    return made


def test_what_agrees_is_listed_and_shown_and_its_flag_goes_with_it(folder: SyncFolder) -> None:
    folder.said("backfill")
    found = folder.said("duplicates", code=1)
    (group,) = found["duplicates"]
    assert (group["sync"], group["keys"], found["total"]) == ("customers", ["[1]", "[2]"], 2)
    records = folder.said("duplicates", "customers", "2", code=1)["records"]
    assert [one["row"]["name"] for one in records] == ["Ann", "Ann"]
    result = folder.run("duplicates", "customers")
    assert (result.returncode, result.stdout.splitlines()[1].split()[:2]) == (1, ["customers", "2"])
    assert "name" in folder.run("duplicates", "customers", "2").stdout
    assert "2 records may be the same as another" in folder.run("status", "--stores").stdout
    folder.legacy("DELETE FROM CUST WHERE CUST_NO = 2")
    folder.said("backfill")
    assert folder.said("duplicates") == {"duplicates": [], "total": 0}
    assert folder.run("duplicates").stdout == "No records agree with each other.\n"


def test_record_that_agrees_with_none_is_said_to_be_none(folder: SyncFolder) -> None:
    folder.said("backfill")
    result = folder.run("duplicates", "customers", "4")
    assert (result.returncode, result.stderr) == (2, "[4] agrees with no other record.\n")


def test_large_group_and_many_groups_are_shown_in_part(folder: SyncFolder) -> None:
    folder.legacy("DELETE FROM CUST")
    folder.legacy(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1300) "
        "INSERT INTO CUST SELECT i, CASE WHEN i > 200 THEN 'MANY' ELSE 'N' || (i / 2) END, 'A' FROM n"
    )
    folder.said("backfill")
    found = folder.said("duplicates", code=1)
    assert sorted(len(group["keys"]) for group in found["duplicates"])[-2:] == [2, 1000]
    assert found["total"] == 1298
    result = folder.run("duplicates", "--limit", "3")
    assert len(result.stdout.splitlines()) == 4
    assert "The first 3 groups; 1,298 records are flagged." in result.stderr
