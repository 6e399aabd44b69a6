"""One sync from its first row to live, and what stops, pauses or delays it; several side by side."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import structlog

from legacy_adapters.change import Change
from legacy_adapters.engine.family import Family
from legacy_adapters.engine.item import Item
from legacy_adapters.engine.model import SyncModel, SyncSettings
from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.phases import TRANSITIONS, Event, Phase, next_phase
from legacy_adapters.engine.runner import SyncRunner
from legacy_adapters.engine.status import Progress, as_data
from legacy_adapters.engine.stream import Surroundings
from legacy_adapters.engine.syncer import Syncer
from legacy_adapters.engine.tally import Tally
from legacy_adapters.engine.throttle import PAUSE_MAX_S, Throttle
from legacy_adapters.errors import CaptureError, MappingError, SyncError
from legacy_adapters.mapper import Lookup
from legacy_adapters.record import Side, Stored
from support.model_chaos import Killed
from support.model_mapper import ModelMapper
from support.model_store import ModelSnapshot, ModelStore
from support.sync_pair import BACK, RENAMED, Pair, poison
from support.waits import eventually


@pytest.fixture(autouse=True)
def events():
    """What was logged."""
    with structlog.testing.capture_logs() as logged:
        yield logged


def names(events):
    return [event["event"] for event in events]


def model(name="s", *, both=False, settings=None, after=(), authority=Side.LEGACY, **new):
    legacy, other = ModelStore(["id", "NAME", "MAIL"]), ModelStore(["id", "name", "mail"], **new)
    forth = ModelMapper(RENAMED, change=poison, authority=authority)
    back = ModelMapper(BACK, change=poison, authority=authority) if both else None
    return SyncModel(name, legacy, other, forth, back, settings or SyncSettings(), after)


@asynccontextmanager
async def running(*models):
    syncer = Syncer(models)
    task = asyncio.create_task(syncer.run())
    try:
        yield syncer
    finally:
        assert not task.done() or task.exception() is None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_sync_copies_then_follows_and_says_so(events):
    one = model()
    for number in range(25):
        one.legacy.put(id=number, NAME="a")
    async with running(one) as syncer:
        runner = syncer.runners["s"]
        await eventually(lambda: runner.phase is Phase.LIVE)
        one.legacy.put(id=7, NAME="b")
        await eventually(lambda: one.new.get(7)["name"] == "b")
        await eventually(lambda: runner.status().directions[0].counts["applied"] == 26)
        (direction,) = as_data(syncer.status()[0])["directions"]
    assert (direction["rows_done"], direction["copied"], direction["lag_s"]) == (25, True, 0.0)
    assert "sync.backfill.completed" in names(events)


async def test_store_that_is_away_is_waited_for(events):
    one = model()
    async with running(one) as syncer:
        runner = syncer.runners["s"]
        await eventually(lambda: runner.phase is Phase.LIVE)
        one.new.away = True
        one.legacy.put(id=1, NAME="a")
        await eventually(lambda: runner.phase is Phase.WAITING)
        assert runner.status().error == "the store is away"
        one.new.away = False
        await eventually(lambda: one.new.get(1))
        await eventually(lambda: runner.status().error == "")
    assert "sync.store.away" in names(events)


async def test_flood_pauses_with_an_alarm_and_resumes_when_told(events):
    one = model()
    async with running(one) as syncer:
        runner = syncer.runners["s"]
        await eventually(lambda: runner.phase is Phase.LIVE)
        for number in range(50):
            one.legacy.put(id=number, NAME="poison")
        await eventually(lambda: runner.phase is Phase.PAUSED)
        assert not one.new.state.open
        for number in range(50):
            one.legacy.put(id=number, NAME="fine")
        runner.resume()
        await eventually(lambda: len(one.new.table()) == 50)
    assert "sync.quarantine.flooded" in names(events)


async def test_quarantine_is_bounded_and_a_full_one_pauses_the_sync():
    one = model(settings=SyncSettings(batch_rows=10, quarantine_max=15))
    async with running(one) as syncer:
        runner = syncer.runners["s"]
        await eventually(lambda: runner.phase is Phase.LIVE)
        for number in range(100):
            one.legacy.put(id=number, NAME="poison")
        await eventually(lambda: runner.phase is Phase.PAUSED)
        assert 15 < len(one.new.state.open) <= 25
        assert "quarantine" in runner.status().error
        for number in range(100):
            one.legacy.put(id=number, NAME="fine")
        await syncer.operations("s").drop("to_new", list(one.new.state.open), by="ann")
        runner.resume()
        await eventually(lambda: len(one.new.table()) == 100)


async def test_incomplete_capture_stops_that_sync_while_others_run(events):
    broken, fine = model("broken"), model("fine")
    async with running(broken, fine) as syncer:
        await eventually(lambda: all(runner.phase is Phase.LIVE for runner in syncer.runners.values()))
        broken.legacy.state.pruned = 10_000
        await eventually(lambda: syncer.runners["broken"].phase is Phase.STOPPED)
        fine.legacy.put(id=1, NAME="a")
        await eventually(lambda: fine.new.get(1))
        assert "pruned" in syncer.status()[0].error
    assert "sync.stream.stopped" in names(events)


async def test_fault_of_the_engine_itself_stops_one_sync_only(events):
    broken, fine = model("broken"), model("fine")
    broken.to_new.differing = lambda *_: 1 / 0
    async with running(broken, fine) as syncer:
        await eventually(lambda: all(runner.phase is Phase.LIVE for runner in syncer.runners.values()))
        broken.legacy.put(id=1, NAME="a")
        broken.new.put(id=1, name="b")
        await eventually(lambda: syncer.runners["broken"].phase is Phase.STOPPED)
        fine.legacy.put(id=1, NAME="a")
        await eventually(lambda: fine.new.get(1))
    assert "sync.engine.failed" in names(events)


async def test_standing_still_is_an_alarm_and_its_end_is_told(events):
    one = model(settings=SyncSettings(lag_alarm_s=0.05))
    syncer = Syncer([one])
    runner = syncer.runners["s"]
    one.new.away = True
    task = asyncio.create_task(runner.run())
    await eventually(lambda: runner.watch() or runner.status().stalled)
    one.new.away = False
    runner.resume()
    await eventually(lambda: runner.watch() or not runner.status().stalled)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [name for name in names(events) if name.startswith("sync.stream")][:2] == [
        "sync.stream.stalled",
        "sync.stream.recovered",
    ]


async def test_child_that_refers_to_a_parent_that_comes_later_arrives_by_itself():
    parents = model("parents")
    children = model("children", after=("parents",), parent=(parents.new, "mail"))
    parents.legacy.put(id=1)
    for number in range(10, 13):
        children.legacy.put(id=number, MAIL=1)
    async with running(parents, children) as syncer:
        await eventually(lambda: len(children.new.table()) == 3)
        children.legacy.put(id=20, MAIL=2)
        await eventually(lambda: (20,) in children.new.state.open)
        parents.legacy.put(id=2)
        await eventually(lambda: children.new.get(20), 10)
        assert not children.new.state.open
        assert syncer.runners["children"].phase is Phase.LIVE


async def test_lookup_finds_the_key_that_another_sync_gave():
    parents, children = model("parents"), model("children", after=("parents",))
    mapper = children.to_new

    def looked_up(row, found):
        if row["MAIL"] is None:
            return {"id": row["id"], "name": row["NAME"], "mail": None}
        try:
            (mail,) = found["parents"][(row["MAIL"],)]
        except KeyError:
            raise MappingError("its parent is not there yet", field="mail", reason="lookup") from None
        return {"id": row["id"], "name": row["NAME"], "mail": mail}

    mapper.row, mapper.lookups = looked_up, (Lookup("parents", ("MAIL",)),)
    parents.to_new.key = lambda key, _: (key[0] + 1000,)
    parents.to_new.row = lambda row, _: {"id": row["id"] + 1000, "name": row["NAME"], "mail": None}
    parents.legacy.put(id=1)
    children.legacy.put(id=5, MAIL=1)
    async with running(parents, children):
        await eventually(lambda: children.new.get(5))
        assert children.new.get(5)["mail"] == 1001
        children.legacy.put(id=6, MAIL=2)
        await eventually(lambda: (6,) in children.new.state.open)
        parents.legacy.put(id=2)
        await eventually(lambda: children.new.get(6), 10)


def test_syncs_that_wait_for_each_other_are_refused():
    with pytest.raises(SyncError, match="one, two"):
        Syncer([model("one", after=("two",)), model("two", after=("one",))])


# -- operations


async def conflicted():
    pair = await Pair(both=True, authority=None).begin()
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    pair.legacy.put(id=1, NAME="legacy")
    pair.new.put(id=1, name="new")
    await pair.settle()
    return pair, Operations([pair.to_new, pair.to_legacy])


async def anew(pair):
    await pair.to_new.load()
    await pair.to_legacy.load()
    await pair.settle()


@pytest.mark.parametrize("winner", list(Side))
async def test_person_settles_a_conflict_and_both_sides_follow(winner):
    pair, operations = await conflicted()
    await operations.take(winner, (1,), by="ann")
    await anew(pair)
    assert pair.agree()
    assert pair.legacy.get(1)["NAME"] == winner
    assert not pair.new.state.open
    assert not pair.legacy.state.open
    assert "ann" in [one.resolved_by for _, one in pair.new.state.resolved + pair.legacy.state.resolved]


async def killed_at(pair, operations, winner, point):
    """`take` ends at that point as by kill -9."""

    def at(name):
        if name == point:
            raise Killed(name)

    for stream in (pair.to_new, pair.to_legacy):
        stream.surroundings = replace(stream.surroundings, at=at)
    with pytest.raises(Killed):
        await operations.take(winner, (1,), by="ann")
    for stream in (pair.to_new, pair.to_legacy):
        stream.surroundings = replace(stream.surroundings, at=lambda _: None)


@pytest.mark.parametrize("winner", list(Side))
async def test_conflict_whose_settling_is_killed_before_anything_is_committed_is_as_it_was(winner):
    pair, operations = await conflicted()
    before = pair.legacy.state, pair.new.state
    await killed_at(pair, operations, winner, "take.applied")
    assert (pair.legacy.state, pair.new.state) == before


@pytest.mark.parametrize("winner", list(Side))
@pytest.mark.parametrize("again", [True, False], ids=["taken again", "left to the sync"])
async def test_conflict_whose_settling_is_killed_between_the_two_stores_is_closed_later(winner, again):
    pair, operations = await conflicted()
    await killed_at(pair, operations, winner, "take.committed")
    assert pair.agree(), "the record itself is in step"
    written, other = (pair.new, pair.legacy) if winner is Side.LEGACY else (pair.legacy, pair.new)
    assert (list(written.state.open), list(other.state.open)) == ([], [(1,)])
    if again:
        writes = len(written.state.writes)
        await operations.take(winner, (1,), by="ann")
        assert len(written.state.writes) == writes, "nothing is written twice"
    else:
        model = SyncModel(
            "s", pair.legacy, pair.new, pair.to_new.direction.mapper, pair.to_legacy.direction.mapper, SyncSettings()
        )
        async with running(model):
            await eventually(lambda: not other.state.open, 10)
    await anew(pair)
    assert pair.agree()
    assert pair.legacy.get(1)["NAME"] == winner
    assert not pair.new.state.open
    assert not pair.legacy.state.open


async def test_dropped_conflict_leaves_both_sides_and_is_not_found_again():
    pair, operations = await conflicted()
    assert await operations.drop("to_new", [(1,)], by="ann") == 1
    await anew(pair)
    assert (pair.legacy.get(1)["NAME"], pair.new.get(1)["name"]) == ("legacy", "new")
    pair.legacy.put(id=1, NAME="later")
    await pair.settle()
    assert pair.agree()
    assert pair.new.get(1)["name"] == "later"


async def test_retry_after_the_mapping_was_mended():
    pair = await Pair().begin()
    operations = Operations([pair.to_new])
    pair.legacy.put(id=1, NAME="poison")
    await pair.settle()
    ((_, held),) = await pair.new.quarantine(resolved=False, after=0, limit=10)
    assert held.reason == "mapping"
    assert (await operations.retry("to_new", [(1,)], by="ann")).reasons == {"mapping": 1}
    pair.to_new.direction.mapper.change = lambda row: row
    await operations.retry("to_new", [(1,)], by="ann")
    assert pair.new.get(1)["name"] == "poison"
    ((_, settled),) = await pair.new.quarantine(resolved=True, after=0, limit=10)
    assert (settled.resolved_by, settled.resolution, settled.attempts) == ("ann", "retried", 2)


async def test_repair_brings_back_what_was_changed_behind_the_syncs_back():
    pair = await Pair().begin()
    pair.legacy.put(id=1, NAME="a")
    pair.legacy.put(id=2, NAME="b")
    await pair.settle()
    pair.new.put(id=1, name="rogue")
    pair.new.drop(2)
    await Operations([pair.to_new]).repair("to_new", [(1,), (2,)], by="ann")
    assert pair.agree()


async def test_operation_beside_a_running_sync_makes_it_read_anew():
    one = model()
    async with running(one) as syncer:
        runner = syncer.runners["s"]
        await eventually(lambda: runner.phase is Phase.LIVE)
        one.legacy.put(id=1, NAME="poison")
        await eventually(lambda: (1,) in one.new.state.open)
        one.to_new.change = lambda row: row
        await syncer.operations("s").retry("to_new", [(1,)], by="ann")
        one.legacy.put(id=2, NAME="b")
        await eventually(lambda: one.new.get(2))
        assert one.new.get(1)
        assert runner.phase is Phase.LIVE


async def test_copy_that_is_asked_for_again_brings_what_was_not_captured():
    one = model()
    one.legacy.put(id=1, NAME="a")
    one.legacy.put(id=2, NAME="same")
    async with running(one) as syncer:
        runner = syncer.runners["s"]
        await eventually(lambda: runner.phase is Phase.LIVE)
        one.legacy.state.rows[1,] = {"id": 1, "NAME": "unseen", "MAIL": None}
        written = len(one.new.state.writes)
        await syncer.operations("s").copy_again("to_new")
        one.legacy.put(id=3, NAME="c")
        await eventually(lambda: one.new.get(1)["name"] == "unseen")
        await eventually(lambda: one.new.get(3))
        await eventually(lambda: runner.phase is Phase.LIVE)
        assert len(one.new.state.writes) == written + 2


async def test_direction_that_a_sync_does_not_have_is_named():
    pair = await Pair().begin()
    with pytest.raises(SyncError, match="to_legacy"):
        await Operations([pair.to_new]).retry("to_legacy", [(1,)], by="ann")


# -- cancellation, phases, throttle


async def test_cancelled_at_any_await_leaves_a_whole_state():
    """Cancelled after each number of turns in turn; what was committed is always whole, and going on completes it."""
    for turns in range(60):
        one = model(both=True, settings=SyncSettings(batch_rows=2, chunk_rows=2))
        for number in range(7):
            one.legacy.put(id=number, NAME="a")
        task = asyncio.create_task(Syncer([one]).run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not one.new.lock.locked()
        assert set(one.new.table()) == {entry.target_key for entry in one.new.state.ledger.values()}
    async with running(one):
        await eventually(lambda: len(one.new.table()) == 7)


def test_every_phase_can_be_left_and_reached():
    assert {phase for phase, _ in TRANSITIONS} == set(Phase) == set(TRANSITIONS.values())
    with pytest.raises(SyncError):
        next_phase(Phase.PAUSED, Event.COPYING)


async def test_throttle_keeps_to_the_rate_and_spares_a_store_that_has_it_hard():
    now, slept = [0.0], []

    async def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    store = ModelStore(["id"])
    throttle = Throttle(100, store.pressure, clock=lambda: now[0], sleep=sleep)
    for _ in range(5):
        await throttle.wait(50)
    assert now[0] == pytest.approx(2.0)
    store.load_pressure = 1.0
    now[0] += 2
    assert await throttle.wait(50) == PAUSE_MAX_S


async def test_snapshot_is_not_kept_while_rows_are_written(monkeypatch):
    """A snapshot held open would keep a database from clearing up; nothing of it is asked after it has ended."""
    pair = await Pair().begin()
    pair.legacy.put(id=1, NAME="a")
    asked = []
    whole = ModelSnapshot.rows

    async def rows(self, keys):
        asked.append(pair.new.lock.locked())
        return await whole(self, keys)

    monkeypatch.setattr(ModelSnapshot, "rows", rows)
    await pair.settle()
    assert True not in asked


async def test_capture_error_reaches_whoever_steps_by_hand():
    pair = await Pair().begin()
    pair.legacy.state.pruned = 10
    with pytest.raises(CaptureError):
        await pair.to_new.step()


def test_rows_that_wait_for_another_syncs_record_are_told():
    ways = {("orders", "to_new"), ("customers", "to_new")}
    runner = SyncRunner(model("orders"), Surroundings(family=Family({"orders": ["customers"]}, ways)))
    assert as_data(runner.status())["directions"][0]["waiting"] == 0
    child = Item(Change((7,), 1, Stored((7,), {"id": 7}, 1)), None, None)
    runner.streams[0].held_back.settle([], [child], time.monotonic(), 1)
    assert as_data(runner.status())["directions"][0]["waiting"] == 1


def test_another_look_at_quarantine_says_nothing_of_the_lag():
    progress = Progress(clock=lambda: 1000.0)
    progress.note(1, Tally(), 990.0)
    progress.count(Tally())
    assert progress.status("to_new").lag_s == 10.0


async def test_lag_stays_while_quarantine_is_looked_at_again():
    one = model(unique=("mail",))
    one.legacy.put(id=1, NAME="a", MAIL="x")
    one.new.put(id=9, name="somebody else's", mail="x")
    now = [1000.0]
    runner = SyncRunner(one, Surroundings(clock=lambda: now[0]))
    (stream,), (progress,) = runner.streams, runner._progress
    await stream.begin()
    one.legacy.put(id=1, NAME="b", MAIL="x")
    await stream.step()
    progress.note(1, Tally(), 990.0)
    assert await one.new.quarantine_counts() == {"unique": 1}
    now[0] += 60.0
    await runner._retry_held(0, stream)
    assert [held.attempts for _, held in await one.new.quarantine(resolved=False, after=0, limit=9)] == [2]
    assert progress.lag_s == 10.0
