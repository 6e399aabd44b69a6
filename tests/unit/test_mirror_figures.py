"""What control makes of the mirrors' counters: sums that still add up when a worker is gone, rates, and what people see."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from proxy.cli.routes import render
from proxy.control.rates import Window
from proxy.control.snapshots import Accumulator, merge
from routes.config import Config
from routes.mirroring import mirrored_arm


def mirror(sent: int, compared: int, **more: Any) -> dict[str, Any]:
    given = {
        "route": "orders", "arm": "new", "sent": sent, "compared": compared, "under_way": 0, "shed": {}, "lost": {},
        "answers": {"complete": compared}, "again": 1, "again_extra": 0, "asking_more": 0,
        "verdicts": {"match": compared},
    }  # fmt: skip
    return {**given, **more}


def worker(*mirrors: dict[str, Any]) -> dict[str, Any]:
    return {"mirrors": list(mirrors)}


def ends(numbers: dict[str, Any]) -> int:
    return numbers["compared"] + sum(numbers["shed"].values()) + sum(numbers["lost"].values()) + numbers["under_way"]


def test_mirrors_of_all_workers_are_one() -> None:
    one = mirror(10, 6, shed={"rate": 3}, lost={"store": 1})
    other = mirror(5, 4, shed={"rate": 1})
    [total] = merge([worker(one), worker(other), worker()])["mirrors"]
    assert (total["sent"], total["compared"], total["again"]) == (15, 10, 2)
    assert (total["shed"], total["lost"], total["verdicts"]) == ({"rate": 4}, {"store": 1}, {"match": 10})
    assert ends(total) == 15


def test_what_was_under_way_in_a_worker_that_died_is_lost() -> None:
    totals = Accumulator()
    totals.take(0, 1, worker(mirror(10, 6, under_way=4)))
    assert totals.retire(0, 1)
    totals.take(0, 2, worker(mirror(3, 2, under_way=1)))
    [total] = totals.total()["mirrors"]
    assert total["lost"] == {"worker": 4}
    assert (total["under_way"], ends(total)) == (1, 13)
    again = Accumulator(totals.memory())
    assert again.total()["mirrors"][0]["lost"] == {"worker": 4}
    again.keep_only(set(), set())
    assert again.total()["mirrors"] == []


def test_workers_that_ask_legacy_twice_more_often_are_counted_while_they_live() -> None:
    totals = Accumulator()
    totals.take(0, 1, worker(mirror(10, 6, again=5, again_extra=4, asking_more=1)))
    totals.take(1, 1, worker(mirror(10, 6, again=3, again_extra=2, asking_more=1)))
    [total] = totals.total()["mirrors"]
    assert (total["again"], total["again_extra"], total["asking_more"]) == (8, 6, 2)
    totals.retire(0, 1)
    [total] = totals.total()["mirrors"]
    assert (total["again"], total["again_extra"], total["asking_more"]) == (8, 6, 1)


def test_memory_of_a_release_without_mirrors_is_understood() -> None:
    totals = Accumulator({"retired": {key: value for key, value in merge([]).items() if key != "mirrors"}})
    totals.keep_only({"orders"}, set())
    assert totals.total()["mirrors"] == []


def test_rate_and_share_of_mirrors_are_those_of_the_window() -> None:
    window = Window()
    window.sample(0.0, merge([worker(mirror(100, 100))]))
    rates = window.mirror_rates(10.0, merge([worker(mirror(150, 140))]))
    assert rates["orders", "new"].per_s == 5.0
    assert rates["orders", "new"].compared_share == 0.8
    assert window.mirror_rates(0.0, merge([])) == {}


def test_people_see_who_gets_copies_and_why_some_were_not_compared() -> None:
    numbers = mirror(1200, 1000, shed={"concurrency": 150, "rate": 40}, lost={"poison": 10})
    view = {**numbers, "sample": 0.2, "per_s": 12.3, "compared_share": 0.83, "asking_more": True}
    routes = [{"name": "orders", "mode": "shadow", "arms": [], "mirror": view}]
    console = Console(width=150)
    with console.capture() as capture:
        console.print(render({"routes": routes, "version": 3, "window_s": 60.0}))
    shown = " ".join(capture.get().split())
    assert "orders new 20% 12.3/s 83% 1,200 0 1 ↑ 190 10 concurrency" in shown


def test_route_without_a_mirror_shows_none() -> None:
    routes = [{"name": "orders", "mode": "legacy", "arms": [], "mirror": None}]
    console = Console(width=150)
    with console.capture() as capture:
        console.print(render({"routes": routes, "version": 3, "window_s": 60.0}))
    assert "Mirrors" not in capture.get()


def test_arm_that_gets_copies_follows_the_mode() -> None:
    def arm(**route: Any) -> str | None:
        services = {name: {"urls": [f"http://127.0.0.1:{port}"]} for name, port in (("a", 1), ("b", 2))}
        given = {"name": "r", "legacy": "a", "new": "b", **route}
        config = {"listen": [{"address": "127.0.0.1:8080"}], "services": services, "routes": [given]}
        return mirrored_arm(Config.model_validate(config).routes[0])

    assert arm(mode="shadow") == "new"
    assert arm(mode="shadow", shadow={"serve": "new"}) == "legacy"
    assert arm(mode="new", shadow={}) == "legacy"
    assert arm(mode="new") is None
    assert arm(mode="legacy", shadow={}) is None
