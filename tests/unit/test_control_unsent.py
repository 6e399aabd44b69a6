"""When mirrored requests were shed: counters of workers as what happened in a window."""

from __future__ import annotations

from typing import Any

from proxy.control.unsent import MINUTES_MAX, UnsentLog

START = 6_000_000.0


def mirrors(shed: int, lost: int = 0, route: str = "orders") -> list[dict[str, Any]]:
    return [{"route": route, "arm": "new", "shed": {"queue": shed}, "lost": {"store": lost} if lost else {}}]


def test_what_grew_is_counted_in_its_minute() -> None:
    log = UnsentLog()
    for at, shed in ((0, 0), (30, 5), (59, 7), (61, 20)):
        log.sample(START + at, mirrors(shed))
    assert log.since(START) == {"orders": {("shed", "queue"): 20}}
    assert log.since(START + 61) == {"orders": {("shed", "queue"): 13}}
    assert log.since(START + 120) == {}


def test_what_was_before_the_first_look_belongs_to_every_window() -> None:
    log = UnsentLog()
    log.sample(START, mirrors(100, 3))
    log.sample(START + 60, mirrors(101, 3))
    assert log.since(START + 3600) == {"orders": {("shed", "queue"): 100, ("lost", "store"): 3}}
    assert log.since(START)["orders"]["shed", "queue"] == 101


def test_routes_that_are_gone_take_nothing_away() -> None:
    log = UnsentLog()
    log.sample(START, [])
    log.sample(START + 1, mirrors(5))
    log.sample(START + 2, mirrors(2, route="other"))
    log.sample(START + 3, mirrors(3, route="other"))
    assert log.since(START) == {"orders": {("shed", "queue"): 5}, "other": {("shed", "queue"): 3}}


def test_memory_is_bounded() -> None:
    log = UnsentLog()
    for minute in range(MINUTES_MAX + 50):
        log.sample(START + 60 * minute, mirrors(minute))
    assert sum(log.since(0)["orders"].values()) == MINUTES_MAX
