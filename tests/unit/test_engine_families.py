"""Rows that lack another sync's record: how long they are held back, and what it means that they are refused again."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from legacy_adapters.change import Change
from legacy_adapters.engine import batch, heldback
from legacy_adapters.engine.family import SET_ASIDE_S, Family
from legacy_adapters.engine.heldback import PATIENCE_S, HeldBack
from legacy_adapters.engine.item import Item
from legacy_adapters.engine.lack import Lack
from legacy_adapters.engine.status import as_data
from legacy_adapters.engine.syncer import Syncer
from legacy_adapters.engine.tally import Tally
from legacy_adapters.record import Stored
from support.model_families import Families

RUNS = 150


@pytest.fixture
def silent():
    """A killed sync has much to say."""
    structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])
    yield
    structlog.reset_defaults()


async def runs(**settings):
    for seed in range(RUNS):
        families = Families(seed, **settings)
        await families.play()
        families.check()


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def item(number, *, gone=False):
    return Item(Change((number,), 5, None if gone else Stored((number,), {}, 1)), None, None)


def family(clock, **parents):
    ways = {(name, "to_new") for name in {*parents, *(one for own in parents.values() for one in own)}}
    return Family(parents, ways, clock=clock)


def held(clock, *, count=1, of=1, gone=False, parents=None):
    """Orders that were held back now, and the family."""
    kin = family(clock, **(parents or {"orders": ["customers"]}))
    name = "customers" if gone else "orders"
    rows = HeldBack(kin, name, "to_new")
    rows.settle([], [item(number, gone=gone) for number in range(count)], clock.now, of)
    return kin, rows


def what(rows):
    return set(rows.due().values())


CUSTOMERS = ("customers", "to_new")
MANY = heldback.FLOOD_CHANGES_MIN


def test_row_is_held_back_while_its_parents_sync_gets_on():
    clock = Clock()
    _, rows = held(clock)
    assert what(rows) == set()
    assert rows.first_lack is Lack.WAITS


def test_row_is_tried_again_when_the_parents_sync_has_written():
    clock = Clock()
    kin, rows = held(clock)
    kin.wrote(CUSTOMERS)
    clock.now += heldback.AGAIN_MIN_S
    assert rows.due() == {(0,): Lack.WAITS}
    rows.looking()
    assert rows.due() == {}


def test_many_small_transactions_of_a_parent_are_not_as_many_attempts():
    clock = Clock()
    kin, rows = held(clock)
    attempts = 0
    for _ in range(200):
        clock.now += 0.005
        kin.wrote(CUSTOMERS)
        if rows.due():
            attempts += 1
            rows.looking()
            rows.settle([(0,)], [item(0)], clock.now, 1)
    assert attempts <= 10


def test_orphan_is_one_once_its_parents_sync_has_applied_what_it_had():
    clock = Clock()
    kin, rows = held(clock)
    kin.applied(CUSTOMERS, clock.now - 0.1)  # a look of before the orders were read says nothing
    assert what(rows) == set()
    kin.applied(CUSTOMERS, clock.now)
    assert what(rows) == {Lack.COUNTS}


def test_deleted_parent_waits_for_children_to_go():
    clock = Clock()
    kin, rows = held(clock, gone=True)
    assert what(rows) == set()
    kin.applied(("orders", "to_new"), clock.now)
    assert what(rows) == {Lack.COUNTS}


def test_stopped_parent_is_not_waited_for():
    clock = Clock()
    kin, rows = held(clock)
    kin.stands("customers", still=True, away=False)
    assert what(rows) == {Lack.COUNTS}


async def test_pause_for_a_stopped_parent_ends_when_it_has_got_there():
    clock = Clock()
    kin, rows = held(clock)
    kin.stands("customers", still=True, away=False)
    rows.due()
    waiting = asyncio.ensure_future(kin.come_at_last("orders"))
    await asyncio.sleep(0)
    kin.stands("customers", still=False, away=False)
    await asyncio.sleep(0)
    assert not waiting.done()
    kin.applied(CUSTOMERS, clock.now)
    await asyncio.wait_for(waiting, 5)


def test_two_syncs_are_not_paused_for_each_other():
    """Orders are paused since customers were; customers that lack their going must not pause for them in turn."""
    clock = Clock()
    kin, orders = held(clock)
    kin.stands("customers", still=True, away=False)
    assert what(orders) == {Lack.COUNTS}
    kin.stands("orders", still=True, away=False)
    kin.stands("customers", still=False, away=False)
    customers = HeldBack(kin, "customers", "to_new")
    customers.settle([], [item(number, gone=True) for number in range(MANY)], clock.now, MANY)
    assert what(customers) == {Lack.FORGIVEN}


def test_few_rows_are_not_held_back_for_longer_than_patience_lasts():
    clock = Clock()
    kin, rows = held(clock)
    clock.now += PATIENCE_S + 0.1
    kin.wrote(CUSTOMERS)
    assert what(rows) == {Lack.FORGIVEN}


def test_what_would_be_a_flood_is_held_back_for_as_long_as_the_parents_sync_gets_on():
    clock = Clock()
    kin, rows = held(clock, count=MANY, of=MANY)
    for _ in range(100):
        clock.now += PATIENCE_S / 2
        kin.wrote(CUSTOMERS)
        assert what(rows) <= {Lack.WAITS}
    clock.now += PATIENCE_S + 0.1
    assert what(rows) == {Lack.FORGIVEN}


def test_parent_whose_store_is_away_is_waited_for():
    clock = Clock()
    kin, rows = held(clock, count=MANY, of=MANY)
    kin.stands("customers", still=False, away=True)
    clock.now += 1000
    assert what(rows) == set()


def test_children_of_rows_that_were_set_aside_are_no_flood():
    clock = Clock()
    kin, rows = held(clock)
    kin.set_aside(CUSTOMERS)
    kin.applied(CUSTOMERS, clock.now)
    assert what(rows) == {Lack.FORGIVEN}
    clock.now += SET_ASIDE_S
    assert what(rows) == {Lack.COUNTS}


def test_syncs_in_a_circle_wait_for_each_other_and_for_nobody_for_ever():
    clock = Clock()
    kin = family(clock, ones=["others"], others=["ones"])
    both = [HeldBack(kin, name, "to_new") for name in ("ones", "others")]
    for rows in both:
        rows.settle([], [item(number) for number in range(MANY)], clock.now, MANY)
        assert what(rows) == set()
    clock.now += PATIENCE_S + 0.1
    assert [what(rows) for rows in both] == [{Lack.FORGIVEN}] * 2


def test_sync_that_is_its_own_parent_waits_for_nobody():
    clock = Clock()
    rows = HeldBack(family(clock, people=["people"]), "people", "to_new")
    assert rows.first_lack is Lack.COUNTS
    rows.looked(more=True)
    assert rows.first_lack is Lack.FORGIVEN


def test_sync_without_relatives_holds_nothing_back():
    assert HeldBack(Family(), "alone", "to_new").first_lack is Lack.COUNTS


def test_newer_change_of_a_row_takes_its_place():
    clock = Clock()
    kin, rows = held(clock)
    clock.now += 1
    newer = Item(Change((0,), 6, None), None, None)
    rows.settle([(0,)], [newer], clock.now, 1)
    (one,) = rows.changes([(0,)])
    assert (one.change.position, one.since) == (6, clock.now)
    rows.settle([(0,)], [], clock.now, 1)
    assert not rows
    kin.wrote(CUSTOMERS)
    assert rows.due() == {}


def test_others_hear_of_what_is_applied_only_when_nothing_is_held_back():
    clock = Clock()
    kin, rows = held(clock)
    rows.committed(Tally(), clock.now, more=False)
    assert kin.missing(frozenset({"orders"}), "to_new", clock.now)
    rows.settle([(0,)], [], clock.now, 1)
    rows.committed(Tally(), clock.now, more=True)
    assert kin.missing(frozenset({"orders"}), "to_new", clock.now)
    rows.committed(Tally(), clock.now, more=False)
    assert not kin.missing(frozenset({"orders"}), "to_new", clock.now)


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("both", [True, False])
async def test_families_that_come_and_go_are_whole_on_both_sides_wherever_it_is_killed(both, monkeypatch):
    """No row of them is ever refused for good, however few would be a flood."""
    for module in (batch, heldback):
        monkeypatch.setattr(module, "FLOOD_CHANGES_MIN", 1)
        monkeypatch.setattr(module, "FLOOD_SHARE_MAX", 0.0)
    await runs(both=both)


@pytest.mark.usefixtures("silent")
async def test_checkpoint_that_moves_past_what_is_held_back_loses_it(monkeypatch):
    monkeypatch.setattr(HeldBack, "without", lambda *_: False)
    with pytest.raises(AssertionError):
        await runs()


@pytest.mark.usefixtures("silent")
async def test_children_that_are_not_held_back_are_refused_for_having_come_first(monkeypatch):
    monkeypatch.setattr(HeldBack, "first_lack", Lack.COUNTS)
    with pytest.raises(AssertionError):
        await runs(kills=0)


async def test_a_child_that_comes_before_its_parent_is_told_as_waiting_until_it_is_written():
    families = Families(1, both=False, writes=0, kills=0)
    syncer = Syncer(families.models())
    children, parents = syncer.runners["children"], syncer.runners["parents"]
    for runner in (children, parents):
        await runner.streams[0].begin()
    old_parents, old_children = families.stores["legacy"]
    old_parents.put(id=99, NAME="late")
    old_children.put(id=9900, PARENT=99, SEQ=1)

    def waiting():
        return [as_data(one.status())["directions"][0]["waiting"] for one in (children, parents)]

    assert waiting() == [0, 0]
    await children.streams[0].step()
    assert waiting() == [1, 0]
    await parents.streams[0].step()
    async with asyncio.timeout(5):
        while waiting() != [0, 0]:
            await children.streams[0].step()
            await asyncio.sleep(0)
    assert families.stores["new"][1].get(9900)["parent"] == 99
