"""Each invariant of record sync, broken on purpose: an engine with that fault is seen to fail the test that guards it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog

from legacy_adapters.engine import batch, item
from legacy_adapters.engine.backfill import Backfill
from legacy_adapters.engine.batch import Batch
from legacy_adapters.engine.checkpoint import LiveMark
from legacy_adapters.engine.decision import APPLY, Manner
from legacy_adapters.engine.item import Seen
from legacy_adapters.engine.stream import Step, Stream
from legacy_adapters.errors import MappingError
from legacy_adapters.record import Side
from support.model_chaos import Chaos, Contested
from support.model_store import ModelSnapshot, ModelTransaction
from support.sync_pair import Pair

RUNS = 60


@pytest.fixture(autouse=True)
def silent():
    structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])
    yield
    structlog.reset_defaults()


async def runs(kind=Chaos, **settings):
    for seed in range(RUNS):
        chaos = kind(seed, **settings)
        await chaos.play()
        chaos.check()


async def fails(scenario, *, fault=AssertionError):
    with pytest.raises(fault):
        await scenario()


# -- the scenarios that guard what chaos does not reach


async def lossy_records_survive():
    """What is capitalised on the way to new must not come back and change legacy's spelling."""
    pair = Pair(both=True, authority=Side.NEW)
    pair.to_new.direction.mapper.change = lambda row: row | {"name": (row["name"] or "").title()}
    await pair.begin()
    pair.legacy.put(id=1, NAME="McDonald")
    for _ in range(4):
        await pair.to_new.step()
        await pair.to_legacy.step()
    assert pair.legacy.get(1)["NAME"] == "McDonald"
    assert pair.new.get(1)["name"] == "Mcdonald"


async def later_update_is_a_conflict():
    pair = await Pair(both=True, authority=None).begin()
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    pair.new.put(id=1, name="b")
    await pair.to_legacy.step()
    pair.new.put(id=1, name="c")
    await pair.to_new.step()
    pair.legacy.put(id=1, NAME="d")
    await pair.to_new.step()
    assert pair.new.get(1)["name"] == "c"


async def old_news_changes_nothing():
    """A change that capture delivers again, with the state that it had then, must not undo what came after."""
    pair = await Pair().begin()
    pair.legacy.put(id=1, NAME="a")
    async with pair.legacy.snapshot() as snapshot:
        old = await snapshot.changes(pair.to_new.mark.cursor, 9)
    pair.legacy.put(id=1, NAME="b")
    await pair.settle()
    async with pair.new.transaction() as transaction:
        await Batch(pair.to_new.direction, transaction, manner=Manner.LIVE, now=0).apply(Seen(old.changes))
    assert pair.new.get(1)["name"] == "b"


async def poison_does_not_block():
    pair = await Pair().begin()
    pair.legacy.put(id=1, NAME="poison")
    pair.legacy.put(id=2, NAME="fine")
    await pair.settle()
    assert pair.new.get(2)
    assert (1,) in pair.new.state.open


async def order_is_found():
    pair = await Pair(unique=["mail"]).begin()
    pair.legacy.put(id=1, MAIL="x")
    await pair.settle()
    pair.legacy.put(id=2, MAIL="x")
    pair.legacy.put(id=1, MAIL="y")
    await pair.settle()
    assert pair.agree()
    assert not pair.new.state.open


async def equal_is_not_written():
    pair = await Pair().begin()
    pair.new.put(id=1, name="a")
    pair.legacy.put(id=1, NAME="a")
    await pair.settle()
    assert pair.new.state.writes == []


@pytest.mark.parametrize(
    "scenario",
    [
        lossy_records_survive,
        later_update_is_a_conflict,
        old_news_changes_nothing,
        poison_does_not_block,
        order_is_found,
        equal_is_not_written,
    ],
)
async def test_scenarios_hold_on_the_engine_as_it_is(scenario):
    await scenario()


# -- 1: nothing lost, nothing twice, nothing backwards


async def test_checkpoint_before_data_loses_changes(monkeypatch):
    async def step(self):
        mark = self.the_mark()
        async with self.direction.reads.snapshot() as snapshot:
            read = await snapshot.changes(mark.cursor, self.settings.batch_rows)
            seen = await self.see(snapshot, read)
        self.mark = LiveMark(read.cursor, mark.turn)
        async with self.direction.writes.transaction() as transaction:
            await transaction.checkpoint(self.direction.live, self.mark.encode())
        self.surroundings.at("live.written")
        async with self.direction.writes.transaction() as transaction:
            tally = await Batch(self.direction, transaction, manner=Manner.LIVE, now=0).apply(seen)
        return Step(len(read.changes), read.more, None, tally)

    monkeypatch.setattr(Stream, "step", step)
    await fails(runs)


async def test_ledger_in_a_transaction_of_its_own_writes_twice(monkeypatch):
    """Data committed at once, ledger and checkpoint with the transaction: after a kill the data is written again."""
    whole = ModelTransaction.write

    async def write(self, writes):
        rejections = await whole(self, writes)
        outside = self.store.state
        outside.rows, outside.writes = dict(self.state.rows), list(self.state.writes)
        outside.events, outside.seq = list(self.state.events), self.state.seq
        return rejections

    monkeypatch.setattr(ModelTransaction, "write", write)
    monkeypatch.setattr(batch, "decide", lambda *_: APPLY)  # as an engine that does not look before it writes
    await fails(runs)


async def test_position_that_is_not_looked_at_goes_backwards(monkeypatch):
    monkeypatch.setattr(batch, "settled_early", lambda *_: None)
    await fails(old_news_changes_nothing)


# -- 2: capture order is commit order (of the store; here: an engine that trusts a limit too far)


async def test_cursor_beyond_what_was_read_loses_changes(monkeypatch):
    whole = ModelSnapshot.changes

    async def changes(self, cursor, limit):
        read = await whole(self, cursor, limit)
        return replace(read, cursor={"seq": self.state.seq})

    monkeypatch.setattr(ModelSnapshot, "changes", changes)
    await fails(runs)


# -- 3: backfill never overwrites a newer change


async def test_chunk_of_an_older_moment_overwrites_newer_changes(monkeypatch):
    whole = Backfill._read

    async def read(self, live, mark):
        portion = await whole(self, live, mark)
        self._at("between")  # others write between the chunk and what is read as captured
        async with self._direction.reads.snapshot() as snapshot:
            changes = await snapshot.changes(live.cursor, 1000)
            seen = await self._stream.see(snapshot, changes)
        return replace(portion, changes=seen, live=LiveMark(changes.cursor, live.turn))

    monkeypatch.setattr(Backfill, "_read", read)
    await fails(lambda: runs(kills=0, writes=150))


async def test_deletes_without_a_trace_come_back(monkeypatch):
    """A chunk read before a delete and applied after it: the tombstone alone keeps the record away."""

    async def scenario():
        pair = await Pair().begin()
        pair.legacy.put(id=1, NAME="a")
        async with pair.legacy.snapshot() as snapshot:
            chunk = await snapshot.chunk(None, 10)
        pair.legacy.drop(1)
        await pair.settle()
        assert pair.new.state.ledger[(1,)].tombstone
        async with pair.new.transaction() as transaction:
            rows = [tuple(chunk.rows[0])]
            from legacy_adapters.change import Load

            assert not await transaction.load(
                Load.of_rows(("id", "name", "mail"), rows, [(1,)], list(chunk.hashes), mapping_version=1)
            )
        assert pair.new.get(1) is None

    await scenario()
    monkeypatch.setattr(item.Item, "line", lambda *_: None)
    await fails(scenario, fault=KeyError)


# -- 5: no echo


async def test_without_the_other_ledger_echoes_change_what_people_wrote(monkeypatch):
    whole = Stream.see

    async def see(self, snapshot, read):
        return replace(await whole(self, snapshot, read), counters={})

    monkeypatch.setattr(Stream, "see", see)
    await fails(lossy_records_survive)


async def test_equal_values_are_written_by_an_engine_that_does_not_compare(monkeypatch):
    monkeypatch.setattr(batch, "decide", lambda *_: APPLY)
    await fails(equal_is_not_written)


# -- 6: conflicts are seen


async def test_echo_that_believes_in_todays_target_overlooks_a_conflict(monkeypatch):
    async def record(self, entries, *, as_given=False):
        await whole(self, entries)  # whatever the target has now, also for an echo

    whole = ModelTransaction.record
    monkeypatch.setattr(ModelTransaction, "record", record)
    await fails(later_update_is_a_conflict)


async def test_merge_that_is_not_owed_back_leaves_the_sides_apart(monkeypatch):
    monkeypatch.setattr(item, "OWED", None)
    whole = ModelTransaction.record

    async def record(self, entries, *, as_given=False):
        await whole(self, [one for one in entries if one.target_hash is not None or one.tombstone], as_given=as_given)
        await whole(self, [one for one in entries if one.target_hash is None and not one.tombstone])

    monkeypatch.setattr(ModelTransaction, "record", record)
    await fails(lambda: runs(Contested))


async def test_own_ledger_as_the_only_merge_base_takes_the_wrong_side(monkeypatch):
    whole = batch.merge_base
    monkeypatch.setattr(batch, "merge_base", lambda entry, _, *versions: whole(entry, None, *versions))
    await fails(lambda: runs(Contested))


# -- 7: poison never blocks


async def test_mapping_error_that_is_let_through_blocks_the_rest(monkeypatch):
    def refuse(self, item, reason, detail, field_name):
        raise MappingError(detail)

    monkeypatch.setattr(Batch, "_refuse", refuse)
    await fails(poison_does_not_block, fault=MappingError)


# -- 8: only what must be ordered is


async def test_first_refusal_that_counts_as_the_last_loses_what_would_have_fitted(monkeypatch):
    whole = ModelTransaction._write

    def write(self, state, one):
        rejection = whole(self, state, one)
        return None if rejection is None else replace(rejection, retry=False)

    monkeypatch.setattr(ModelTransaction, "_write", write)
    await fails(order_is_found)
