"""What becomes of changes, on stores in memory: applied once, in order, conflicts seen, poison set aside."""

from __future__ import annotations

import pytest

from legacy_adapters.engine.backfill import Backfill
from legacy_adapters.engine.decision import OWED
from legacy_adapters.engine.model import SyncSettings
from legacy_adapters.errors import FloodError, StaleError
from legacy_adapters.record import Side
from support.sync_pair import Pair, copied, throttle


async def test_insert_update_and_delete_arrive():
    pair = await Pair().begin()
    pair.legacy.put(id=1, NAME="a")
    pair.legacy.put(id=2, NAME="b")
    await pair.settle()
    assert pair.new.table() == {(1,): {"id": 1, "name": "a", "mail": None}, (2,): {"id": 2, "name": "b", "mail": None}}
    pair.legacy.put(id=1, NAME="c")
    pair.legacy.drop(2)
    await pair.settle()
    assert pair.new.table() == {(1,): {"id": 1, "name": "c", "mail": None}}
    assert pair.new.state.ledger[(2,)].tombstone


async def test_replay_is_a_no_op():
    pair = await Pair().begin()
    start = pair.to_new.mark
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    written = list(pair.new.state.writes)
    pair.new.state.checkpoints["s.to_new.live"] = start.encode()
    await pair.to_new.load()
    step = await pair.to_new.step()
    assert step.tally.counts["skipped"] == 1
    assert pair.new.state.writes == written


async def test_equal_values_are_never_written():
    pair = await Pair().begin()
    pair.new.put(id=1, name="a")
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    assert pair.new.state.writes == []
    assert pair.new.state.ledger[(1,)].source_hash is not None


async def test_what_came_from_the_other_side_does_not_go_back():
    pair = await Pair(both=True).begin()
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    pair.new.put(id=1, name="b")
    await pair.settle()
    assert pair.agree()
    assert len(pair.new.state.writes) == len(pair.legacy.state.writes) == 1


async def test_update_on_the_other_side_after_ours_was_read_is_not_taken_for_known():
    """The echo of our write must not make the ledger believe that it has seen what came after it."""
    pair = await Pair(both=True, authority=None).begin()
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    pair.new.put(id=1, name="b")
    await pair.to_legacy.step()  # legacy has b now
    pair.new.put(id=1, name="c")
    await pair.to_new.step()  # the echo of b, while new has c
    pair.legacy.put(id=1, NAME="d")
    step = await pair.to_new.step()
    assert step.tally.counts["conflict"] == 1
    assert pair.new.get(1)["name"] == "c"


@pytest.mark.parametrize("first", ["to_new", "to_legacy"])
async def test_conflict_is_settled_by_authority_per_field(first):
    pair = await Pair(both=True, fields={"mail": Side.NEW}).begin()
    pair.legacy.put(id=1, NAME="a", MAIL="a@x")
    await pair.settle()
    pair.legacy.put(id=1, NAME="legacy", MAIL="legacy@x")
    pair.new.put(id=1, name="new", mail="new@x")
    step = await getattr(pair, first).step()
    assert step.tally.counts["settled"] == 1
    await pair.settle()
    assert pair.agree()
    assert pair.legacy.get(1) == {"id": 1, "NAME": "legacy", "MAIL": "new@x"}
    assert OWED not in [entry.target_hash for entry in pair.legacy.state.ledger.values()]


@pytest.mark.parametrize("winner", [Side.LEGACY, Side.NEW])
@pytest.mark.parametrize("first", ["to_new", "to_legacy"])
@pytest.mark.parametrize("deleted", [Side.LEGACY, Side.NEW])
async def test_delete_against_update_is_settled_by_authority(winner, first, deleted):
    pair = await Pair(both=True, authority=winner).begin()
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    if deleted is Side.LEGACY:
        pair.legacy.drop(1)
        pair.new.put(id=1, name="b")
    else:
        pair.new.drop(1)
        pair.legacy.put(id=1, NAME="b")
    await getattr(pair, first).step()
    await pair.settle()
    assert pair.agree()
    assert (pair.legacy.get(1) is None) == (winner is deleted)


async def test_conflict_without_authority_is_kept_with_both_states_and_nothing_is_written():
    pair = await Pair(both=True, authority=None).begin()
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    pair.legacy.put(id=1, NAME="legacy")
    pair.new.put(id=1, name="new")
    await pair.settle()
    assert (pair.legacy.get(1)["NAME"], pair.new.get(1)["name"]) == ("legacy", "new")
    ((_, held),) = await pair.new.quarantine(resolved=False, after=0, limit=9)
    assert (held.reason, held.source_row["NAME"], held.target_row["name"]) == ("conflict", "legacy", "new")


async def test_same_change_on_both_sides_is_no_conflict():
    pair = await Pair(both=True, authority=None).begin()
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    pair.legacy.put(id=1, NAME="b")
    pair.new.put(id=1, name="b")
    await pair.settle()
    assert not pair.new.state.open
    assert not pair.legacy.state.open


async def test_poison_is_set_aside_and_the_rest_flows():
    pair = await Pair().begin()
    for number in range(9):
        pair.legacy.put(id=number, NAME="poison" if number == 4 else "fine")
    await pair.settle()
    assert len(pair.new.table()) == 8
    ((_, held),) = await pair.new.quarantine(resolved=False, after=0, limit=9)
    assert (held.source_key, held.reason, held.field) == ((4,), "mapping", "name")
    pair.legacy.put(id=4, NAME="poison", MAIL="later")
    await pair.settle()
    ((_, held),) = await pair.new.quarantine(resolved=False, after=0, limit=9)
    assert (held.attempts, held.source_row["MAIL"]) == (2, "later")


async def test_later_change_that_fits_takes_the_key_out_of_quarantine():
    pair = await Pair().begin()
    pair.legacy.put(id=4, NAME="poison")
    await pair.settle()
    pair.legacy.put(id=4, NAME="fine")
    await pair.settle()
    assert not pair.new.state.open
    ((_, settled),) = await pair.new.quarantine(resolved=True, after=0, limit=9)
    assert (settled.resolved_by, settled.resolution) == ("later_change", "superseded")


async def test_flood_writes_nothing():
    pair = await Pair().begin()
    for number in range(100):
        pair.legacy.put(id=number, NAME="poison" if number % 3 == 0 else "fine")
    with pytest.raises(FloodError):
        await pair.to_new.step()
    assert not pair.new.table()
    assert not pair.new.state.open


async def test_unique_values_are_swapped():
    pair = await Pair(unique=["mail"]).begin()
    pair.legacy.put(id=1, MAIL="x")
    pair.legacy.put(id=2, MAIL="y")
    await pair.settle()
    pair.legacy.put(id=1, MAIL="y")
    pair.legacy.put(id=2, MAIL="x")
    await pair.settle()
    assert pair.agree()
    assert not pair.new.state.open


async def test_unique_value_that_a_later_change_gives_up_is_taken():
    pair = await Pair(unique=["mail"]).begin()
    pair.legacy.put(id=1, MAIL="x")
    await pair.settle()
    pair.legacy.put(id=2, MAIL="x")
    pair.legacy.put(id=1, MAIL="y")
    await pair.settle()
    assert pair.agree()
    assert not pair.new.state.open


async def test_true_duplicate_beside_a_swap_is_set_aside_alone():
    pair = await Pair(unique=["mail"]).begin()
    for number, mail in enumerate(["x", "y", "z"]):
        pair.legacy.put(id=number, MAIL=mail)
    await pair.settle()
    pair.legacy.put(id=0, MAIL="y")
    pair.legacy.put(id=1, MAIL="x")
    pair.legacy.put(id=9, MAIL="z")
    await pair.settle()
    assert list(pair.new.state.open) == [(9,)]
    assert pair.new.get(0)["mail"] == "y"
    assert pair.new.get(1)["mail"] == "x"


async def test_checkpoint_moved_by_somebody_else_stops_the_step_before_it_writes():
    pair = await Pair().begin()
    pair.legacy.put(id=1, NAME="a")
    pair.new.state.checkpoints["s.to_new.live"] = pair.to_new.mark.next_turn().encode()
    with pytest.raises(StaleError):
        await pair.to_new.step()
    assert not pair.new.table()
    await pair.to_new.load()
    await pair.settle()
    assert pair.new.get(1)


async def test_backfill_copies_everything_and_live_changes_go_first():
    pair = Pair(settings=SyncSettings(chunk_rows=10))
    for number in range(95):
        pair.legacy.put(id=number, NAME=f"n{number}")
    await pair.begin()
    pair.legacy.put(id=90, NAME="later")
    pair.legacy.drop(91)
    backfill = await copied(pair)
    assert pair.agree()
    assert (backfill.mark.rows, backfill.mark.done) == (94, True)
    assert pair.new.loads >= 8


async def test_backfill_sets_poison_aside_without_leaving_the_fast_way():
    pair = Pair(settings=SyncSettings(chunk_rows=10))
    for number in range(30):
        pair.legacy.put(id=number, NAME="poison" if number == 15 else "fine")
    await pair.begin()
    await copied(pair)
    assert len(pair.new.table()) == 29
    assert list(pair.new.state.open) == [(15,)]
    assert pair.new.loads == 3


async def test_backfill_resumes_where_it_was():
    pair = Pair(settings=SyncSettings(chunk_rows=10))
    for number in range(50):
        pair.legacy.put(id=number, NAME="a")
    await pair.begin()
    backfill = Backfill(pair.to_new, throttle(pair.new))
    assert not await backfill.run(0)
    again = Backfill(pair.to_new, throttle(pair.new))
    assert not await again.load()
    assert again.mark.rows == 10
    while not await again.run(0):
        pass
    assert pair.agree()
    assert len(pair.new.state.writes) == 50


async def test_backfill_over_rows_that_are_there_writes_only_what_differs():
    pair = Pair()
    pair.legacy.put(id=1, NAME="same")
    pair.legacy.put(id=2, NAME="legacy")
    pair.new.put(id=1, name="same")
    pair.new.put(id=2, name="else")
    await pair.begin()
    await copied(pair)
    assert pair.agree()
    assert [key for key, _ in pair.new.state.writes] == [(2,)]
