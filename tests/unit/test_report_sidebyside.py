"""A kept exchange side by side: lines that belong together, folds, and nobody's text as a command."""

from __future__ import annotations

import io
import time
from typing import Any

from rich.console import Console

from shadow.reporting.sidebyside import lines, render_exchange, side_by_side
from support.shadow_reports import HOSTILE


def answer(document: Any, **more: Any) -> dict[str, Any]:
    empty = {"outcome": "complete", "status": 200, "fields": [["content-type", "application/json"]], "body_bytes": 9,
             "error": "", "first_byte_s": 0.01, "total_s": 0.02}  # fmt: skip
    return {**empty, "document": document, **more}


def record(legacy: Any, new: Any, *differences: dict[str, Any], **more: Any) -> dict[str, Any]:
    request = {"method": "GET", "target": "/orders/7", "host": "shop", "scheme": "http", "fields": []}
    about = {
        "id": "e1",
        "at": 1.0,
        "route": "orders",
        "served": "legacy",
        "verdict": "mismatch",
        "reason": "",
        "more": 0,
    }
    return {
        **about,
        "request": request,
        "legacy": answer(legacy),
        "new": answer(new),
        "differences": list(differences),
        **more,
    }


def printed(given: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(render_exchange(given))
    return captured.get()


def test_lines_that_belong_together_stand_side_by_side() -> None:
    rows = side_by_side(lines({"a": 1, "b": 2, "c": 3}), lines({"a": 1, "b": 5, "c": 3, "d": 4}))
    pairs = [(row.legacy, row.new) for row in rows if row.differs]
    assert ('  "b": 2,', '  "b": 5,') in pairs
    assert (None, '  "d": 4') in pairs or ('  "c": 3', '  "c": 3,') in pairs


def test_long_equal_stretches_are_folded() -> None:
    document = {f"k{number}": number for number in range(100)}
    rows = side_by_side(lines(document), lines({**document, "k50": "x"}))
    assert len(rows) < 12
    assert [row.legacy for row in rows if row.legacy and row.legacy.startswith("…")] == [
        "… 48 equal lines", "… 47 equal lines",
    ]  # fmt: skip


def test_equal_documents_are_one_fold() -> None:
    assert [row.legacy for row in side_by_side(lines([1]), lines([1]))] == ["… 3 equal lines"]
    assert side_by_side(lines(None), lines(None)) == []


def test_exchange_shows_what_was_asked_what_differs_and_both_answers() -> None:
    difference = {
        "path": "/total",
        "pattern": "/total",
        "kind": "value",
        "legacy": 10.5,
        "new": 10.6,
        "explained_by": "",
    }
    text = printed(record({"total": 10.5}, {"total": 10.6}, difference))
    for words in ("GET /orders/7", "route orders", "mismatch", "/total", "10.5", "10.6", '"total": 10.6'):
        assert words in text


def test_number_of_differences_that_is_not_known_is_said() -> None:
    difference = {"path": "/a", "pattern": "/a", "kind": "missing", "legacy": 1, "new": None, "explained_by": "file:0"}
    text = printed(record(None, None, difference, more=-1))
    assert "and an unknown number more" in text
    assert "nothing" in text
    assert "file:0" in text


def test_hostile_text_does_nothing_in_a_terminal() -> None:
    difference = {"path": HOSTILE, "pattern": HOSTILE, "kind": "value", "legacy": HOSTILE, "new": {HOSTILE: HOSTILE},
                  "explained_by": HOSTILE}  # fmt: skip
    hostile = record({HOSTILE: HOSTILE}, f"{HOSTILE}\n{HOSTILE}", difference, route=HOSTILE, reason=HOSTILE, cut=True)
    hostile["request"]["target"] = HOSTILE
    hostile["new"]["fields"] = [[HOSTILE, HOSTILE]]
    text = printed(hostile)
    assert [character for character in text if not character.isprintable() and character != "\n"] == []
    assert "[x](javascript:" in text.replace("\n", "").replace(" ", "")


def test_documents_of_short_lines_stand_close_on_a_wide_screen() -> None:
    console = Console(file=io.StringIO(), width=1_000_000, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(render_exchange(record({"a": 1}, {"a": 2})))
    assert max(map(len, captured.get().splitlines())) < 120


def test_documents_of_lines_that_stand_everywhere_are_shown_in_about_linear_time() -> None:
    took_s = []
    for count in (250, 2_000):
        legacy, new = ([line for at in range(count // 2) for line in ("}", f"{arm}{at}")] for arm in "ln")
        began = time.process_time()
        rows = side_by_side(legacy, new)
        took_s.append(time.process_time() - began)
        assert sum(row.differs for row in rows) >= count // 2
    assert took_s[1] < max(took_s[0], 0.01) * 28
