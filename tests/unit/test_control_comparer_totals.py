"""Counters of the comparer over its deaths, and over control's."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.comparer.figures import Figures
from proxy.control.comparer_metrics import COMPARER_METRICS, comparer_samples
from proxy.control.comparer_totals import ComparerTotals


def figures(exchanges: int, *, route: str = "orders", stored: int | None = 7) -> dict[str, Any]:
    """What a comparer says that has concluded so many exchanges."""
    said = Figures().snapshot()
    said.update(exchanges=exchanges, kept=exchanges, removed=1, waiting=3)
    said.update(stored=stored, stored_bytes=100, commit_seconds=exchanges * 0.5, cpu_seconds=exchanges * 0.25)
    said.update(store_failures={"full": 1}, proofs={route: [exchanges, exchanges, 2, 1]})
    return said


def test_counters_go_on_and_gauges_are_of_the_last_one() -> None:
    totals = ComparerTotals()
    assert totals.total() == {}
    totals.take(1, figures(5))
    assert not totals.take(1, figures(6))
    assert totals.take(2, figures(4, stored=9))
    total = totals.total()
    assert (total["exchanges"], total["kept"], total["removed"]) == (10, 10, 2)
    assert (total["commit_seconds"], total["cpu_seconds"]) == (5.0, 2.5)
    assert (total["stored"], total["waiting"]) == (9, 3)
    assert (total["proofs"], total["store_failures"]) == ({"orders": [10, 10, 4, 2]}, {"full": 2})


def test_one_that_ended_is_retired_before_the_next_one_says_anything() -> None:
    totals = ComparerTotals()
    totals.take(1, figures(5))
    assert totals.retire(1)
    assert not totals.retire(1)
    total = totals.total()
    assert (total["exchanges"], total["stored"], total["waiting"]) == (5, 7, 0)
    assert not totals.take(1, figures(6))  # late
    assert totals.total()["exchanges"] == 5


def test_what_was_never_said_is_not_shown() -> None:
    silent = ComparerTotals()
    silent.keep_only({"orders"})  # as control does with each table
    samples = comparer_samples(silent.total())
    assert samples.keys() == COMPARER_METRICS.keys()
    assert not any(samples.values())
    totals = ComparerTotals()
    totals.take(1, figures(5, stored=None))
    shown = comparer_samples(totals.total())
    assert shown["strangler_shadow_stored_exchanges"] == []
    assert shown["strangler_shadow_exchanges"] == [((), 5.0)]


def test_routes_that_are_gone_are_forgotten() -> None:
    totals = ComparerTotals()
    totals.take(1, figures(5, route="gone"))
    totals.take(2, figures(1))
    totals.keep_only({"orders"})
    assert totals.total()["proofs"].keys() == {"orders"}


#: (which process, what it counted, whether control dies afterwards) in the order of time.
LIVES = st.lists(st.tuples(st.booleans(), st.integers(0, 50), st.booleans()), max_size=30)


@given(lives=LIVES)
def test_no_counter_goes_backwards_whoever_dies(lives: list[tuple[bool, int, bool]]) -> None:
    totals = ComparerTotals()
    memory, incarnation, counted, before = totals.memory(), 1, 0, 0
    for dies, more, control_dies in lives:
        if dies:
            if totals.retire(incarnation):
                memory = totals.memory()
            incarnation, counted = incarnation + 1, 0
        counted += more
        if control_dies:
            totals = ComparerTotals(json.loads(json.dumps(memory)))
        if totals.take(incarnation, figures(counted)):
            memory = totals.memory()
        now = totals.total()["exchanges"]
        assert now >= before
        before = now
    assert before == sum(more for _, more, _ in lives)
