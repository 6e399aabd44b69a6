"""Syncs as people read them: what is told of each, and what gives way where a screen is too low."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from proxy.cli.sync.overview import overview, plain_lines


def way(name: str = "to_new", **changed: Any) -> dict[str, Any]:
    told = {"name": name, "copied": True, "rows_done": 0, "rows_total": None, "rate": 1.94, "eta_s": None}
    told |= {"lag_s": 0.0, "counts": {"applied": 1234, "echo": 7}, "held": {}}
    return {**told, **changed}


def sync(name: str, *ways: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {"name": name, "phase": "live", "error": "", "stalled": False, "directions": list(ways), **changed}


def drawn(*syncs: dict[str, Any], width: int = 80, lines_max: int | None = None, notice: str = "") -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(overview(syncs, lines_max=lines_max, notice=notice))
    return console.file.getvalue()


def test_two_ways_of_the_longest_name_of_the_demo_fit_on_80_columns() -> None:
    busy = way("to_legacy", rate=1234.5, counts={"applied": 123456, "echo": 123456}, held={"mapping": 2, "conflict": 1})
    title, first, second = drawn(sync("order-lines", way(), busy)).splitlines()
    assert title.split() == ["sync", "direction", "phase", "copied", "rate", "lag", "applied", "echo", "held"]
    assert first.split() == ["order-lines", "to_new", "live", "done", "1.9/s", "0.0", "s", "1,234", "7", "0"]
    assert second.split()[-4:] == ["s", "123,456", "123,456", "3"]


def test_records_that_may_be_the_same_are_counted_below() -> None:
    shown = drawn(sync("customers", way(duplicates=1234), way("to_legacy", duplicates=None)), width=120)
    told = "customers to_new: 1,234 records may be the same as another: strangler sync duplicates customers"
    assert shown.splitlines()[-1].strip() == told


def test_rows_that_wait_for_other_syncs_are_counted_below() -> None:
    shown = drawn(sync("orders", way(waiting=1234), way("to_legacy", waiting=0)), width=120)
    assert shown.splitlines()[-1].strip() == "orders to_new: 1,234 rows wait for records of other syncs"


def test_a_first_copy_says_how_far_it_is_how_fast_and_how_long_it_takes() -> None:
    copying = way(copied=False, rows_done=24_000, rows_total=50_000, rate=3400.0, eta_s=7.6)
    shown = drawn(sync("customers", copying, phase="backfill"))
    assert shown.splitlines()[1].split()[2:4] == ["backfill", "48%"]
    assert "customers to_new: 24,000 of about 50,000 rows, 48%, 3,400.0/s, 7s left" in shown


def test_what_is_in_the_way_is_there_whole_and_harmless() -> None:
    error = "SQLite has no table " + "x" * 300 + "\x1b[2J [bold]"
    shown = drawn(sync("customers", phase="stopped", error=error))
    together = "".join(shown.split())
    assert "x" * 300 + "\\x1b[2J[bold]" in together


def test_a_screen_that_is_too_low_keeps_the_syncs_that_need_somebody() -> None:
    many = [sync(f"fine-{number}", way(), way("to_legacy")) for number in range(30)]
    shown = drawn(*many[:15], sync("bad", way(), error="no", phase="stopped"), *many[15:], lines_max=20)
    lines = shown.splitlines()
    assert len(lines) <= 20
    assert any(line.startswith("bad") for line in lines)
    assert "bad: no" in lines
    assert lines[-1].startswith("… and ")
    assert lines[-1].endswith(" more, which are fine")
    assert "more, which are fine" not in drawn(*many)


def test_what_only_a_running_syncer_knows_is_a_question_mark() -> None:
    resting = way(rate=None, counts=None, lag_s=None, pending=None, pending_more=False)
    row = drawn(sync("customers", resting, phase=None)).splitlines()[1]
    assert row.split() == ["customers", "to_new", "?", "done", "?", "?", "?", "?", "0"]


def test_lines_for_a_log_can_each_stand_alone() -> None:
    lines = plain_lines([sync("a", way(), way("to_legacy", held={"rule": 2}), error="away\nx"), sync("b", phase="new")])
    assert lines == [
        "a to_new: live, done copied, 1.9/s, lag 0.0 s, 1,234 applied, 0 held, away\\nx",
        "a to_legacy: live, done copied, 1.9/s, lag 0.0 s, 1,234 applied, 2 held, away\\nx",
        "b: new",
    ]


def test_a_notice_stands_above() -> None:
    assert drawn(notice="first\nsecond").splitlines() == ["first", "second", "", "There are no syncs."]
