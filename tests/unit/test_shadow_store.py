"""What is kept: added up exactly once, found again, removed by age and by size, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import event, func, select, text, update

from shadow.clusters.cluster import EXAMPLES_MAX
from shadow.comparison import Difference, Kind
from shadow.errors import StoreError
from shadow.keeping import retention, rollup, tables
from shadow.keeping.batch import Batch, Position
from shadow.keeping.records import RECORD_BYTES_MAX, Record
from shadow.keeping.retention import FINE_S, STEP_ROWS, Limits
from shadow.keeping.retests import restart_test
from shadow.keeping.store import ShadowStore
from shadow.noise.route import RouteNoise
from support.state_store import AT, match, mismatch, record

DAY = 86_400.0
EVERYTHING = Limits(10_000 * DAY, 1 << 40)


@pytest_asyncio.fixture
async def store(state_url: str) -> AsyncIterator[ShadowStore]:
    opened = await ShadowStore.open(state_url, node="here")
    yield opened
    await opened.close()


async def rows(store: ShadowStore, table) -> list[dict]:
    async with store.database.reading() as connection:
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def count(store: ShadowStore, table) -> int:
    async with store.database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar()


async def commit(store: ShadowStore, *concluded, stream: str = "0:a", seq: int = 1) -> None:
    batch = Batch()
    batch.add(stream, seq, concluded)
    await store.commit(batch)


async def test_batches_add_up(store):
    batch = Batch()
    verdicts = batch.add("0:a", 1, [match(), match(), mismatch("one")])
    await store.commit(batch)
    await commit(store, match(), mismatch("two", at=AT + 61), stream="1:b")
    assert verdicts == {"orders": {"match": 2, "mismatch": 1}}
    tallied = {(row["minute"], row["verdict"]): row["count"] for row in await rows(store, tables.tallies)}
    minute = int(AT) // 60
    assert tallied == {(minute, "match"): 3, (minute, "mismatch"): 1, (minute + 1, "mismatch"): 1}
    latencies = {(row["minute"], row["arm"]): row for row in await rows(store, tables.latencies)}
    assert latencies[minute, "legacy"]["count"] == 4
    assert latencies[minute, "legacy"]["seconds"] == pytest.approx(0.08)
    assert latencies[minute, "legacy"]["bucket_06"] == 4
    (cluster,) = await rows(store, tables.clusters)
    assert (cluster["count"], cluster["first_at"], cluster["last_at"]) == (2, AT, AT + 61)
    assert [example["exchange"] for example in cluster["examples"]] == ["one", "two"]
    (use,) = await rows(store, tables.rule_uses)
    assert (use["count"], use["first_at"], use["last_at"]) == (2, AT, AT + 61)


async def test_a_position_is_committed_with_what_it_brought(store):
    assert await store.position("0:a") is None
    await commit(store, match(), mismatch(), seq=7)
    assert await store.position("0:a") == Position(7, {"orders": {"match": 1, "mismatch": 1}})
    assert await store.position("1:a") is None


async def test_a_batch_that_cannot_be_written_leaves_nothing_of_itself(store):
    async with store.database.writing() as connection:
        await connection.execute(text("DROP TABLE shadow_contents"))
    with pytest.raises(StoreError):
        await commit(store, match(), mismatch())
    assert await store.position("0:a") is None
    assert await count(store, tables.tallies) == await count(store, tables.exchanges) == 0


async def test_a_kept_exchange_is_found_by_id_and_by_cluster(store):
    await commit(store, mismatch("one"), mismatch("two", at=AT + 1), mismatch("other", route="customers"))
    assert await store.exchange("one") == record("one")
    assert await store.exchange("nothing") is None
    assert [one.id for one in await store.pairs("orders")] == ["two", "one"]
    assert [one.id for one in await store.pairs("orders", fingerprint="c1", limit=1)] == ["two"]
    assert await store.pairs("orders", fingerprint="c2") == ()
    assert (await store.sizes())[0] == 3


async def test_of_two_with_one_id_the_newest_counts(store):
    await commit(store, mismatch("one"), mismatch("one", at=AT + 1))
    assert (await store.exchange("one")).at == AT + 1


async def test_examples_of_a_cluster_are_bounded(store):
    for number in range(EXAMPLES_MAX + 3):
        await commit(store, mismatch(f"n{number}"), seq=number + 1)
    (cluster,) = await rows(store, tables.clusters)
    assert [one["exchange"] for one in cluster["examples"]] == [f"n{number}" for number in range(EXAMPLES_MAX)]
    assert await store.clusters(10) == {"orders": {"c1": 0}}


async def test_texts_that_databases_refuse_are_kept_in_another_form(store):
    odd = Difference("/a\0b/\ud800", Kind.VALUE, "\0", "\ud800", "/a\0b/\ud800")
    one = mismatch("one")
    strange = record("id\0\ud800", differences=(odd,))
    concluded = one.__class__(one.tally._replace(reason="\0\udfff"), one.at, one.durations, (), frozenset(), one.kept.__class__(strange, strange.pack(), "finding", True))  # fmt: skip
    await commit(store, concluded)
    assert Record.unpack(strange.pack()).differences == (odd,)
    assert await store.exchange("id\\0\\ud800") == strange


async def test_several_writers_at_once_lose_nothing(store, state_url):
    others = [await ShadowStore.open(state_url, node=f"n{number}") for number in range(3)]

    async def write(one: ShadowStore, name: str) -> None:
        for seq in range(1, 11):
            await commit(one, match(), mismatch(f"{name}-{seq}"), stream=name, seq=seq)

    await asyncio.gather(*(write(one, f"{number}:x") for number, one in enumerate([store, *others])))
    for one in others:
        await one.close()
    assert sorted(row["count"] for row in await rows(store, tables.tallies)) == [40, 40]
    assert await count(store, tables.exchanges) == await count(store, tables.contents) == 40


async def test_noise_of_this_node_comes_before_that_of_another(store, state_url):
    other = await ShadowStore.open(state_url, node="there")
    await store.commit(Batch(noise={"orders": {"from": "here"}}))
    await other.commit(Batch(noise={"orders": {"from": "there"}, "carts": {"from": "there"}}))
    await other.close()
    assert await store.noise() == {"orders": {"from": "here"}, "carts": {"from": "there"}}


# -- how long


async def test_what_is_too_old_is_removed_with_all_that_belongs_to_it(store):
    old = AT - 20 * DAY
    await commit(store, *(mismatch(f"old{number}", at=old) for number in range(STEP_ROWS + 20)), mismatch("new"))
    removed = await store._retention.run(Limits(14 * DAY, 1 << 40), AT + 1)
    assert removed == STEP_ROWS + 20
    assert [one["id"] for one in await rows(store, tables.exchanges)] == ["new"]
    assert await count(store, tables.contents) == await count(store, tables.exchange_clusters) == 1
    assert [one["minute"] for one in await rows(store, tables.tallies)] == [int(AT) // 60]
    assert len(await rows(store, tables.clusters)) == 1


async def test_where_it_is_too_much_the_largest_route_gives_way_first_and_of_it_samples(store):
    await commit(store, *(mismatch(f"o{number}", at=AT + number) for number in range(20)))
    await commit(store, mismatch("c0", at=AT - 5, route="carts"), stream="1:b")
    async with store.database.writing() as connection:
        sample = tables.exchanges.c.id.in_(["o18", "o19"])
        await connection.execute(update(tables.exchanges).where(sample).values(kept=tables.KEPT_SAMPLE))
    _, size = await store.sizes()
    await store._retention.run(Limits(14 * DAY, size - 1 - size // 21 * 4), AT + 60)
    left = {row["id"] for row in await rows(store, tables.exchanges)}
    assert "c0" in left
    assert left - {"c0"} in ({f"o{number}" for number in range(first, 18)} for first in (2, 3))
    assert (await store.sizes())[1] <= size - 1 - size // 21 * 4


async def test_minutes_become_hours_and_the_sums_stay(store):
    hour = AT - AT % 3600
    for number in range(6):
        await commit(store, match(at=hour + 60 * number * 17), mismatch(at=hour + 60 * number * 17), seq=number + 1)
    before = [sum(row["count"] for row in await rows(store, table)) for table in (tables.tallies, tables.latencies, tables.cluster_tallies)]  # fmt: skip
    await store._retention.run(EVERYTHING, hour + 2 * 3600 + FINE_S)
    after = [sum(row["count"] for row in await rows(store, table)) for table in (tables.tallies, tables.latencies, tables.cluster_tallies)]  # fmt: skip
    assert before == after
    assert {row["minute"] * 60 for row in await rows(store, tables.tallies)} == {hour, hour + 3600}
    assert {row["minute"] * 60 for row in await rows(store, tables.cluster_tallies)} == {hour, hour + 3600}


async def test_freed_pages_go_back_to_the_file_system(tmp_path):
    store = await ShadowStore.open(f"sqlite:///{tmp_path / 'a.db'}")
    await commit(store, *(mismatch(f"o{number}") for number in range(2_000)))
    async with store.database.writing() as connection:
        before = (await connection.execute(text("PRAGMA page_count"))).scalar()
    await store._retention.run(Limits(1.0, 1 << 40), AT + DAY)
    async with store.database.writing() as connection:
        after = (await connection.execute(text("PRAGMA page_count"))).scalar()
    await store.close()
    assert after < before - 100


async def test_of_a_rule_that_was_not_used_for_so_long_nothing_is_left(store):
    await commit(store, mismatch("old", at=AT - 20 * DAY))
    await store._retention.run(Limits(14 * DAY, 1 << 40), AT)
    assert await count(store, tables.rule_uses) == 0


async def restart(store: ShadowStore, route: str, at: float) -> int:
    async with store.database.writing() as connection:
        return await restart_test(connection, route, who="ops", why="release 42", flagged=0, now=at)


async def retests(store: ShadowStore) -> set[str]:
    return {row["name"].removeprefix("test:") for row in await rows(store, tables.versions)} - {"rules"}


async def test_the_number_of_a_test_goes_when_nothing_can_carry_a_lower_one(store):
    learned = {route: RouteNoise().to_json() for route in ("learned", "gone")}
    await store.commit(Batch(noise=learned))
    async with store.database.writing() as connection:
        await connection.execute(update(tables.noise).values(at=AT))
        gone = tables.noise.c.route == "gone"
        await connection.execute(update(tables.noise).where(gone).values(at=AT - 30 * DAY))
    for route in ("learned", "gone", "never"):
        await restart(store, route, AT - 20 * DAY)
    last = await restart(store, "just", AT - 1)
    assert await retests(store) == {"learned", "gone", "never", "just"}
    await store._retention.run(Limits(14 * DAY, 1 << 40), AT)
    assert await retests(store) == {"learned", "just"}
    # Whoever has learned under the number that is gone forgets it at the next one all the same.
    assert await restart(store, "gone", AT) == last + 1


class Transactions:
    """How many rows each transaction of a store removes."""

    def __init__(self, store: ShadowStore) -> None:
        self.removed: list[int] = []
        self._under_way = 0
        engine = store.database._engine.sync_engine
        event.listen(engine, "after_execute", self._on_statement)
        event.listen(engine, "commit", self._on_commit)

    def _on_statement(self, connection, statement, *rest) -> None:
        if statement.is_delete:
            self._under_way += rest[-1].rowcount

    def _on_commit(self, connection) -> None:
        self.removed.append(self._under_way)
        self._under_way = 0


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((retention, "STEP_ROWS"), (retention, "STEP_SUMS"), (rollup, "ROLL_ROWS")):
        monkeypatch.setattr(module, name, 10)
    monkeypatch.setattr(retention, "LOOK_ROWS", 25)


@pytest.mark.usefixtures("small_steps")
async def test_no_transaction_removes_more_than_a_step(store):
    old = AT - 20 * DAY
    await commit(store, *(mismatch(f"o{n}", at=old + 60 * n, route=f"route-{n % 7}") for n in range(60)), match())
    transactions = Transactions(store)
    assert await store._retention.run(Limits(14 * DAY, 1 << 40), AT) == 60
    for table in (tables.exchanges, tables.contents, tables.cluster_tallies, tables.clusters):
        assert await count(store, table) == 0
    assert {row["verdict"] for row in await rows(store, tables.tallies)} == {"match"}
    assert 0 < max(transactions.removed) <= 10


@pytest.mark.usefixtures("small_steps")
async def test_no_transaction_rolls_up_more_than_a_step(store):
    hour = AT - AT % 3600
    await commit(store, *(match(at=hour + 60 * n, route=f"route-{n % 7}") for n in range(60)))
    before = sum(row["count"] for row in await rows(store, tables.latencies))
    transactions = Transactions(store)
    await store._retention.run(EVERYTHING, hour + 2 * 3600 + FINE_S)
    assert sum(row["count"] for row in await rows(store, tables.latencies)) == before
    assert [row["minute"] * 60 for row in await rows(store, tables.tallies)] == [hour] * 7
    # Rows of one route and hour stay together: 9 or 8 minutes, and latencies of both arms.
    assert 0 < max(transactions.removed) <= 18


async def test_bytes_of_a_step_are_bounded_as_well(store, monkeypatch):
    await commit(store, *(mismatch(f"o{number}", at=AT - 20 * DAY) for number in range(20)))
    _, size = await store.sizes()
    monkeypatch.setattr(retention, "STEP_BYTES", size // 10)
    transactions = Transactions(store)
    assert await store._retention.run(Limits(14 * DAY, 1 << 40), AT) == 20
    assert 0 < max(transactions.removed) <= 3


# -- records


async def test_a_record_that_would_be_too_long_goes_without_its_documents(store):
    big = {"x": "y" * RECORD_BYTES_MAX}
    answer = record().legacy
    one = record(differences=(Difference("/x", Kind.VALUE, big["x"], big, "/x"),))
    long = Record(**{**{name: getattr(one, name) for name in Record.__slots__}, "legacy": answer.__class__(*[getattr(answer, name) for name in answer.__slots__[:-1]], big)})  # fmt: skip
    back = Record.unpack(long.pack())
    assert back.cut
    assert back.legacy.document is None
    assert len(str(back.differences)) < 5_000


@pytest.mark.parametrize("content", [b"", b"nothing", b"(\xb5/\xfd\x04\x00"])
def test_a_damaged_record_is_said(content):
    with pytest.raises(StoreError) as caught:
        Record.unpack(content)
    assert caught.value.reason == "damaged"
