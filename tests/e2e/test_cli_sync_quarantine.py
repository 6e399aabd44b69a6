"""`strangler sync quarantine` with much in it: pages, filters, totals, settling all of it, and what is shown of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.sync_folder import SyncFolder

HOSTILE = "\x1b[31mred\x1b]0;pwned\x07[bold]x[/bold]\n"
LONG = "K" * 300


@pytest.fixture
def folder(tmp_path: Path) -> SyncFolder:
    """Seven for the mapping, three for a rule, of 200."""
    made = SyncFolder(tmp_path)
    made.fill(200, poisoned=7)
    made.legacy("UPDATE CUST SET NAME = 'NOBODY' WHERE CUST_NO > 197")
    made.sync["rules"] = [{"field": "name", "regex": "Ann .*"}]
    made.write()
    assert made.run("backfill").returncode == 0
    return made


def keys(text: str) -> list[str]:
    return [line.split()[2] for line in text.splitlines()[1:]]


def test_a_list_is_shown_in_pages_with_the_total_and_the_way_to_the_next(folder: SyncFolder) -> None:
    first = folder.run("quarantine", "list", "--limit", "4")
    assert first.returncode == 1
    assert keys(first.stdout) == ["[1]", "[2]", "[3]", "[4]"]
    assert "4 of 10 in quarantine (7 mapping, 3 rule)." in first.stderr
    after = first.stderr.strip().rpartition(" ")[2]
    second = folder.run("quarantine", "list", "--limit", "4", "--after", after)
    third = folder.run("quarantine", "list", "--after", second.stderr.strip().rpartition(" ")[2])
    assert keys(second.stdout) + keys(third.stdout) == ["[5]", "[6]", "[7]", "[198]", "[199]", "[200]"]
    assert "--after" not in third.stderr


def test_json_has_all_of_it_and_the_totals(folder: SyncFolder) -> None:
    all_of_it = folder.said("quarantine", "list", code=1)
    assert [one["source_key"] for one in all_of_it["quarantine"]] == [f"[{n}]" for n in (*range(1, 8), 198, 199, 200)]
    assert (all_of_it["total"], all_of_it["reasons"], all_of_it["next"]) == (10, {"mapping": 7, "rule": 3}, None)
    page = folder.said("quarantine", "list", "--limit", "4", code=1)
    rest = folder.said("quarantine", "list", "--after", page["next"], code=1)
    assert page["quarantine"] + rest["quarantine"] == all_of_it["quarantine"]
    assert rest["next"] is None


def test_a_list_can_be_of_one_reason_and_one_direction(folder: SyncFolder) -> None:
    only = folder.said("quarantine", "list", "--reason", "rule", code=1)
    assert ([one["source_key"] for one in only["quarantine"]], only["total"]) == (["[198]", "[199]", "[200]"], 3)
    assert folder.said("quarantine", "list", "--direction", "to_legacy")["quarantine"] == []
    assert folder.said("quarantine", "list", "--reason", "conflict")["total"] == 0
    assert (
        "Nothing is in quarantine for the reason conflict."
        in folder.run("quarantine", "list", "--reason", "conflict").stdout
    )


@pytest.mark.parametrize(
    "after", ["x", "customers:to_new", "customers:to_new:-1", "\x1b[31m", "nobody:to_new:5", "customers:to_legacy:5"]
)
def test_a_place_that_is_none_is_wrong_usage(folder: SyncFolder, after: str) -> None:
    result = folder.run("quarantine", "list", "--after", after)
    assert result.returncode == 2
    assert "is no place in the list" in result.stderr
    assert "\x1b" not in result.stderr


def test_all_of_one_reason_are_tried_again_once(folder: SyncFolder) -> None:
    assert folder.said("quarantine", "retry", "customers", "to_new", "--all", code=1) == {"quarantined": 10}
    folder.legacy("UPDATE CUST SET STAT = 'I' WHERE CUST_NO <= 7")
    assert folder.said("quarantine", "retry", "customers", "to_new", "--all", "--reason", "mapping") == {"applied": 7}
    assert folder.said("quarantine", "list", code=1)["reasons"] == {"rule": 3}


def test_all_can_be_given_up(folder: SyncFolder) -> None:
    result = folder.run("quarantine", "drop", "customers", "to_new", "--all")
    assert (result.returncode, result.stdout) == (0, "10 dropped\n")
    assert folder.run("quarantine", "drop", "customers", "to_new", "--all").stdout == "Nothing to do.\n"


@pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("1", "--reason", "rule")])
def test_which_records_are_meant_has_to_be_said_in_one_way(folder: SyncFolder, arguments: tuple[str, ...]) -> None:
    assert folder.run("quarantine", "drop", "customers", "to_new", *arguments).returncode == 2
    assert folder.said("quarantine", "list", code=1)["total"] == 10


@pytest.mark.parametrize("what", ["show", "retry", "drop"])
@pytest.mark.parametrize(
    ("key", "says"), [("99", "[99] is not in quarantine of customers to_new"), ("abc", "CUST_NO is INTEGER")]
)
def test_a_record_that_is_not_there_is_said_and_nothing_is_done(
    folder: SyncFolder, what: str, key: str, says: str
) -> None:
    result = folder.run("quarantine", what, "customers", "to_new", *(["1"] if what != "show" else []), key)
    assert result.returncode == 2
    assert says in result.stderr
    assert folder.said("quarantine", "list", code=1)["total"] == 10


def test_a_direction_that_the_sync_does_not_go_is_said(folder: SyncFolder) -> None:
    result = folder.run("quarantine", "show", "customers", "to_legacy", "1")
    assert result.returncode == 2
    assert "The sync customers has no direction to_legacy; it goes to_new." in result.stderr


def test_what_was_settled_is_listed_with_how_and_by_whom(folder: SyncFolder) -> None:
    assert folder.run("quarantine", "list", "--resolved").stdout == "Nothing was settled.\n"
    folder.said("quarantine", "drop", "customers", "to_new", "1")
    result = folder.run("quarantine", "list", "--resolved")
    assert result.returncode == 0
    title, row = result.stdout.splitlines()
    assert title.split()[-3:] == ["outcome", "by", "ago"]
    (one,) = folder.said("quarantine", "list", "--resolved")["quarantine"]
    assert row.split()[-3:-1] == ["dropped", one["resolved_by"]]


def test_one_record_is_shown_with_both_rows_side_by_side(folder: SyncFolder) -> None:
    result = folder.run("quarantine", "show", "customers", "to_new", "3")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "customers to_new [3]: mapping"
    assert lines[1].startswith("  status: ")
    assert [line.split() for line in lines[-4:]] == [
        ["legacy", "value", "new", "value"],
        ["CUST_NO", "3", "id"],
        ["NAME", "ANN", "3", "name"],
        ["STAT", "Z", "status"],
    ]


def test_a_conflict_is_shown_with_what_differs_marked(tmp_path: Path) -> None:
    folder = SyncFolder(tmp_path)
    folder.fill(3)
    folder.sync["direction"] = "both"
    folder.sync["fields"][1]["to_legacy"] = ["upper"]
    folder.sync["authority"] = {"default": "legacy", "fields": {"status": "none"}}
    folder.write()
    assert folder.run("backfill").returncode == 0
    folder.legacy("UPDATE CUST SET STAT = 'I' WHERE CUST_NO = 2")
    folder.new("UPDATE customers SET status = 'x', name = 'Bob' WHERE id = 2")
    folder.run("backfill", "--again")
    result = folder.run("quarantine", "show", "customers", "to_new", "2")
    assert result.returncode == 0, result.stderr
    table = [line.split() for line in result.stdout.splitlines()[-3:]]
    assert table == [
        ["CUST_NO", "2", "id", "2"],
        ["≠", "NAME", "ANN", "2", "name", "Bob"],
        ["≠", "STAT", "I", "status", "x"],
    ]


def test_keys_of_any_text_are_shown_harmlessly_and_can_be_given_back(tmp_path: Path) -> None:
    folder = SyncFolder(tmp_path, key="TEXT")
    for key in (HOSTILE, LONG, "日本語🌵", "7", "A B"):
        folder.legacy("INSERT INTO CUST VALUES (?, 'ANN', 'Z')", key)
    assert folder.run("backfill").returncode == 0
    shown = folder.run("quarantine", "list").stdout
    assert "\x1b" not in shown
    assert "[bold]x[/bold]" in shown
    assert LONG in shown
    assert "日本語🌵" in shown
    for one in folder.said("quarantine", "list", code=1)["quarantine"]:
        found = folder.said("quarantine", "show", "customers", "to_new", one["source_key"])
        assert json.loads(found["source_key"]) == [found["source_row"]["CUST_NO"]]
    assert folder.said("quarantine", "drop", "customers", "to_new", "7", "A B", "日本語🌵") == {"dropped": 3}


def test_ten_thousand_records_are_listed_page_by_page_and_all_at_once(tmp_path: Path) -> None:
    folder = SyncFolder(tmp_path)
    folder.fill(100, poisoned=1)
    assert folder.run("backfill").returncode == 0
    columns = [row[1] for row in folder.new("PRAGMA table_info(strangler_quarantine)") if row[1] != "number"]
    copied = ", ".join({"source_key": "'[' || n || ']'", "key_hash": "n"}.get(column, column) for column in columns)
    folder.new(
        "WITH RECURSIVE s(n) AS (SELECT 1001 UNION ALL SELECT n + 1 FROM s WHERE n < 11000) "
        f"INSERT INTO strangler_quarantine ({', '.join(columns)}) SELECT {copied} FROM s, strangler_quarantine"
    )
    assert len(folder.said("quarantine", "list", code=1)["quarantine"]) == 10_001
    result = folder.run("quarantine", "list")
    assert len(result.stdout.splitlines()) == 101
    assert "100 of 10,001 in quarantine (10,001 mapping)." in result.stderr
