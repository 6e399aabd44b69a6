"""What the supervisor remembers: the table in force, the one on its way, and how long to wait before a restart."""

from __future__ import annotations

from proxy.backoff import Backoff
from proxy.ledger import TableLedger

ONE, TWO, THREE = ({"type": "table", "version": version} for version in (1, 2, 3))


def test_table_is_in_force_when_every_worker_has_acknowledged_it() -> None:
    ledger = TableLedger(ONE)
    ledger.offer(TWO, {0, 1})
    assert not ledger.acknowledge(0, 2)
    assert ledger.accepted is ONE
    assert ledger.acknowledge(1, 2)
    assert (ledger.accepted, ledger.pending) == (TWO, None)


def test_one_refusal_sends_everybody_back() -> None:
    ledger = TableLedger(ONE)
    ledger.offer(TWO, {0, 1})
    ledger.acknowledge(0, 2)
    assert ledger.refuse(2) is ONE
    assert (ledger.accepted, ledger.pending) == (ONE, None)
    assert ledger.refuse(2) is None
    assert not ledger.acknowledge(1, 2)


def test_worker_that_dies_is_not_waited_for() -> None:
    ledger = TableLedger(ONE)
    ledger.offer(TWO, {0, 1})
    assert not ledger.acknowledge(0, 2)
    assert ledger.leave(1)
    assert ledger.accepted is TWO


def test_worker_that_starts_meanwhile_gets_both_tables_and_is_waited_for() -> None:
    ledger = TableLedger(ONE)
    ledger.offer(TWO, {0})
    assert ledger.join(1) == [ONE, TWO]
    assert not ledger.acknowledge(1, 1)
    assert not ledger.acknowledge(0, 2)
    assert ledger.acknowledge(1, 2)
    assert ledger.join(2) == [TWO]


def test_newer_table_replaces_one_that_is_still_pending() -> None:
    ledger = TableLedger(ONE)
    ledger.offer(TWO, {0, 1})
    ledger.offer(THREE, {0, 1})
    assert not ledger.acknowledge(0, 2)
    assert ledger.refuse(2) is None
    ledger.acknowledge(0, 3)
    assert ledger.acknowledge(1, 3)
    assert ledger.accepted is THREE


def test_without_any_worker_a_table_is_in_force_at_once() -> None:
    ledger = TableLedger(ONE)
    ledger.offer(TWO, set())
    assert ledger.accepted is TWO
    assert ledger.join(0) == [TWO]


def test_restart_is_immediate_then_slower_up_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.next_delay_s(0.5) for _ in range(9)] == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_minute_of_health_starts_it_over() -> None:
    backoff = Backoff()
    delays = [backoff.next_delay_s(ran_for_s) for ran_for_s in (0.1, 0.1, 59.9, 60.0, 0.1)]
    assert delays == [0, 1, 2, 0, 1]
