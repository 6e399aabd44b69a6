"""Writing: data, ledger, quarantine and checkpoint in one transaction; one bad row spoils nothing."""

from __future__ import annotations

import asyncio

import pytest

from legacy_adapters.change import Entry, Load, Operation, Quarantined, Write
from legacy_adapters.errors import PlanError
from legacy_adapters.sql.store import SqlStore
from legacy_adapters.sql.transaction import SqlTransaction
from support.sync_stores import Kind

TABLE = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20) NOT NULL UNIQUE, age int CHECK (age > 0))"


def upsert(key: int, exists: bool | None = None, **row: object) -> Write:
    return Write((key,), Operation.UPSERT, {"id": key, **row}, exists)


def delete(key: int, exists: bool | None = None) -> Write:
    return Write((key,), Operation.DELETE, {}, exists)


async def people(kind: Kind, *rows: str) -> SqlStore:
    await kind.run(TABLE, *(f"INSERT INTO t VALUES {row}" for row in rows))
    return await kind.store(columns=("name", "age"))


async def test_rows_are_inserted_updated_and_deleted(kind: Kind) -> None:
    store = await people(kind, "(1, 'ada', 36)", "(2, 'bob', 40)")
    async with store.transaction() as ours:
        assert await ours.write([upsert(1, name="Ada"), delete(2), upsert(3, name="cyd", age=7), delete(9)]) == []
    assert await kind.run("SELECT * FROM t ORDER BY id") == [(1, "Ada", 36), (3, "cyd", 7)]


async def test_a_refused_row_is_reported_and_the_others_are_done(kind: Kind) -> None:
    store = await people(kind, "(1, 'ada', 36)")
    writes = [upsert(key, name=f"n{key}", age=key) for key in range(2, 40)]
    writes += [upsert(40, name="ada", age=1), upsert(41, name="minus", age=-1), upsert(42, name=None, age=1)]
    async with store.transaction() as ours:
        refused = {rejection.key: rejection for rejection in await ours.write(writes)}
        await ours.checkpoint("s", {"seq": 1})
    assert {key: (one.reason, one.retry) for key, one in refused.items()} == {
        (40,): ("unique", True),
        (41,): ("check", False),
        (42,): ("not_null", False),
    }
    assert all("ada" not in one.detail and "minus" not in one.detail for one in refused.values())
    assert await kind.run("SELECT count(*) FROM t") == [(39,)]
    assert await store.read_checkpoint("s") == {"seq": 1}


async def test_a_key_that_somebody_took_is_refused_and_never_written_over(kind: Kind) -> None:
    store = await people(kind, "(1, 'ada', 36)")
    async with store.transaction() as ours:
        (refused,) = await ours.write([upsert(1, exists=False, name="thief", age=1)])
    assert (refused.reason, refused.retry) == ("unique", True)
    assert await kind.run("SELECT name FROM t") == [("ada",)]


async def test_a_value_that_does_not_fit_is_refused_and_not_cut(postgresql: Kind, mariadb: Kind) -> None:
    for kind in (postgresql, mariadb):
        store = await people(kind)
        async with store.transaction() as ours:
            refused = await ours.write(
                [upsert(1, name="x" * 21), upsert(2, name="fits"), upsert(3, name="y", age=1 << 40)]
            )
        assert {one.key: one.reason for one in refused} == {(1,): "too_long", (3,): "type"}
        assert await kind.run("SELECT id FROM t") == [(2,)]


async def test_a_child_before_its_parent_is_written_with_it_and_refused_without_it(kind: Kind) -> None:
    await kind.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20), boss int REFERENCES t (id))")
    if kind.name == "mariadb":
        await kind.run("ALTER TABLE t ADD FOREIGN KEY (boss) REFERENCES t (id)")
    store = await kind.store(columns=("name", "boss"))
    async with store.transaction() as ours:
        refused = await ours.write(
            [upsert(1, name="child", boss=2), upsert(2, name="parent", boss=None), upsert(3, boss=9)]
        )
    assert [(one.key, one.reason, one.retry) for one in refused] == [((3,), "foreign_key", True)]
    assert await kind.run("SELECT id FROM t ORDER BY id") == [(1,), (2,)]


async def test_two_rows_swap_a_unique_value_only_by_parking(kind: Kind) -> None:
    store = await people(kind, "(1, 'ada', 36)", "(2, 'bob', 40)")
    swap = [upsert(1, name="bob"), upsert(2, name="ada")]
    async with store.transaction() as ours:
        assert {one.reason for one in await ours.write(swap)} == {"unique"}
        assert await ours.swap(swap) == []
    assert await kind.run("SELECT id, name FROM t ORDER BY id") == [(1, "bob"), (2, "ada")]


async def test_a_swap_that_cannot_be_done_leaves_every_row_as_it_was(kind: Kind) -> None:
    store = await people(kind, "(1, 'ada', 36)", "(2, 'bob', 40)", "(3, 'cyd', 50)")
    async with store.transaction() as ours:
        refused = await ours.swap([upsert(1, name="bob"), upsert(2, name="cyd")])
    assert {one.key for one in refused} == {(1,), (2,)}
    assert await kind.run("SELECT name FROM t ORDER BY id") == [("ada",), ("bob",), ("cyd",)]


async def test_many_updates_are_one_statement_and_one_bad_row_among_them_is_found(mariadb: Kind) -> None:
    rows = [f"({key}, 'n{key}', {key})" for key in range(1, 41)]
    store = await people(mariadb, *rows)
    writes = [upsert(key, name=f"m{key}", age=key) for key in range(1, 38)]
    async with store.transaction() as ours:
        before = await _statements(ours)
        assert await ours.write([*writes, upsert(38, name="m38", age=38)]) == []
        assert [after - one for one, after in zip(before, await _statements(ours), strict=True)] == [0, 1]
        # Two that swap, one that shifts into a value that another gives up, one too long, one below what is checked.
        refused = {
            rejection.key: rejection.reason
            for rejection in await ours.write(
                [
                    upsert(1, name="m2", age=1),
                    upsert(2, name="m1", age=1),
                    upsert(3, name="free", age=7),
                    upsert(4, name="m3", age=8),
                    upsert(5, name="x" * 21, age=9),
                    upsert(6, name="m6", age=-1),
                    upsert(7, name="m7", age=None),
                    upsert(8, name=None, age=8),
                ]
            )
        }
    assert refused == {(1,): "unique", (2,): "unique", (5,): "too_long", (6,): "check", (8,): "not_null"}
    assert await mariadb.run("SELECT * FROM t WHERE id < 9 ORDER BY id") == [
        (1, "m1", 1),
        (2, "m2", 2),
        (3, "free", 7),
        (4, "m3", 8),
        (5, "m5", 5),
        (6, "m6", 6),
        (7, "m7", None),
        (8, "m8", 8),
    ]


async def _statements(ours: SqlTransaction) -> list[int]:
    """Updates of one table, and joined ones, that the session has run."""
    found = await ours._connection.fetch(
        "SHOW SESSION STATUS WHERE Variable_name IN ('Com_update', 'Com_update_multi')"
    )
    return [int(number) for _, number in sorted(found)]


async def test_a_load_writes_rows_and_lines_or_nothing(kind: Kind) -> None:
    store = await people(kind)
    load = Load.of_rows(
        ("name", "id", "age"), [("ada", 1, 36), ("bob", 2, None)], [(1,), (2,)], [11, 22], mapping_version=5
    )
    async with store.transaction() as ours:
        assert await ours.load(load)
        lines, rows = await ours.entries([(1,), (2,), (3,)]), await ours.rows([(1,), (2,)])
        again = Load.of_rows(
            ("name", "id", "age"), [("cyd", 3, 1), ("ada", 4, 1)], [(3,), (4,)], [33, 44], mapping_version=5
        )
        assert not await ours.load(again), "a unique value is taken"
        known = Load.of_rows(("name", "id", "age"), [("dan", 5, 1)], [(2,)], [55], mapping_version=5)
        assert not await ours.load(known), "the ledger knows the source key"
        assert await ours.write([upsert(7, name="still usable", age=1)]) == []
    assert lines == {key: Entry(key, key, 0, hash_, rows[key].hash, 5) for key, hash_ in (((1,), 11), ((2,), 22))}
    assert await kind.run("SELECT id FROM t ORDER BY id") == [(1,), (2,), (7,)]


async def test_a_line_has_the_hash_of_the_row_as_it_is_in_the_transaction(kind: Kind) -> None:
    store = await people(kind, "(1, 'ada', 36)")
    async with store.transaction() as ours:
        await ours.write([upsert(1, name="Ada")])
        await ours.record([Entry((1,), (1,), 7, 70, None, 1), Entry((8,), (8,), 8, 80, 5, 1)])
        assert (await ours.entries([(1,)]))[(1,)].target_hash == (await ours.rows([(1,)]))[(1,)].hash
        assert (await ours.entries([(8,)]))[(8,)].target_hash is None, "there is no row 8"
        given = Entry((1,), (1,), 9, 90, 4711, 2, tombstone=True, generation=3)
        await ours.record([given], as_given=True)
        assert await ours.entries([(1,)]) == {(1,): given}
        assert await ours.entries_by_target([(1,), (8,)]) == {(8,): Entry((8,), (8,), 8, 80, None, 1)}
    async with store.snapshot() as snapshot:
        assert (await snapshot.entries_by_target([(1,)]))[(1,)] == given


async def test_a_failed_transaction_leaves_nothing_and_a_cancelled_one_neither(kind: Kind) -> None:
    store = await people(kind)

    async def write_and(ending: BaseException) -> None:
        async with store.transaction() as ours:
            await ours.fence("s")
            await ours.write([upsert(1, name="ada", age=1)])
            await ours.record([Entry((1,), (1,), 7, 70, None, 1)])
            await ours.checkpoint("s", {"seq": 7})
            raise ending

    with pytest.raises(RuntimeError):
        await write_and(RuntimeError())
    with pytest.raises(asyncio.CancelledError):
        await write_and(asyncio.CancelledError())
    async with store.transaction() as ours:
        assert await ours.fence("s") is None
        assert await ours.entries([(1,)]) == {}
        assert await ours.rows([(1,)]) == {}


async def test_two_that_run_the_same_stream_take_turns_at_the_fence(postgresql: Kind, mariadb: Kind) -> None:
    for kind in (postgresql, mariadb):
        store = await people(kind)
        order: list[str] = []

        async def step(name: str, store: SqlStore = store, order: list[str] = order) -> None:
            async with store.transaction() as ours:
                before = await ours.fence("s")
                order.append(f"{name} in {before}")
                await asyncio.sleep(0.05)
                await ours.checkpoint("s", {"by": "somebody"})
                order.append(f"{name} out")

        await asyncio.gather(step("a"), step("b"))
        first, second = order[0][0], order[2][0]
        assert order == [f"{first} in None", f"{first} out", f"{second} in {{'by': 'somebody'}}", f"{second} out"]


async def test_quarantine_is_kept_with_the_batch_and_gives_rows_back_as_they_were(kind: Kind) -> None:
    import datetime as dt
    from decimal import Decimal

    store = await people(kind)
    row = {
        "d": Decimal("1.10"),
        "t": dt.datetime(1969, 7, 20, 20, 17, tzinfo=dt.UTC),
        "b": b"\0\xff",
        "n": None,
        "j": {"a": [1.5]},
    }
    first = Quarantined(
        (1,), None, "mapping", "no such country", field="country", source_row=row, first_at=1.5, last_at=2
    )
    async with store.transaction() as ours:
        await ours.hold([first, Quarantined((2,), (2,), "unique", "taken", position=9, target_row={"id": 2})])
        await ours.hold([Quarantined((2,), (2,), "unique", "taken", position=12, attempts=2)])
    async with store.transaction() as ours:
        assert (await ours.held([(1,), (2,), (3,)]))[(1,)] == first
        assert (await ours.held([(2,)]))[(2,)].position == 12
        await ours.release([(2,)], by="ada", resolution="dropped", at=99.0)
        assert list(await ours.held([(1,), (2,)])) == [(1,)]
    ((number, still),) = await store.quarantine(resolved=False, after=0, limit=10)
    assert still == first
    assert await store.quarantine(resolved=False, after=number, limit=10) == []
    ((_, settled),) = await store.quarantine(resolved=True, after=0, limit=10)
    assert (settled.resolved_by, settled.resolution, settled.resolved_at) == ("ada", "dropped", 99.0)


async def test_a_key_that_does_not_identify_a_row_is_refused(kind: Kind) -> None:
    await kind.run(TABLE)
    with pytest.raises(PlanError, match="does not identify"):
        await kind.store(key=("age",))
    with pytest.raises(PlanError, match="no table"):
        await kind.store(table="nowhere")
    with pytest.raises(PlanError, match="no column nope"):
        await kind.store(columns=("nope",))


async def test_what_a_trigger_says_while_it_refuses_is_not_repeated(kind: Kind) -> None:
    await kind.run(TABLE)
    if kind.name == "postgresql":
        await kind.run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN IF NEW.age = 13 THEN RAISE EXCEPTION 'secret %', NEW.name; END IF; RETURN NEW; END $$",
            "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
    elif kind.name == "mariadb":
        await kind.run(
            "CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW IF NEW.age = 13 THEN "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'secret'; END IF"
        )
    else:
        await kind.run(
            "CREATE TRIGGER refuse BEFORE INSERT ON t WHEN NEW.age = 13 BEGIN SELECT RAISE(ABORT, 'secret'); END"
        )
    store = await kind.store(columns=("name", "age"))
    async with store.transaction() as ours:
        (refused,) = await ours.write([upsert(1, name="ada", age=13), upsert(2, name="bob", age=14)])
    assert (refused.key, refused.reason, refused.retry) == ((1,), "other", False)
    assert "secret" not in refused.detail
    assert await kind.run("SELECT id FROM t") == [(2,)]
