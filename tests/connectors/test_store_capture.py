"""Capture: what is committed is seen, once, in the order of each key, whatever else is open; each with what breaks it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from legacy_adapters.change import Change, ChangeBatch, Cursor, Operation, Write
from legacy_adapters.errors import CaptureError, PlanError, SchemaChangedError
from legacy_adapters.sql.store import SqlStore
from support.sync_stores import Kind
from support.waits import eventually

TABLE = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20) UNIQUE, age int)"


class Reader:
    """Reads a store's changes from now on, batch by batch."""

    def __init__(self, store: SqlStore, cursor: Cursor | None = None) -> None:
        self.store = store
        self.cursor = cursor

    @classmethod
    async def of(cls, store: SqlStore) -> Reader:
        reader = cls(store)
        await reader.batch()
        return reader

    async def batch(self, limit: int = 100) -> ChangeBatch:
        async with self.store.snapshot() as snapshot:
            batch = await snapshot.changes(self.cursor, limit)
        self.cursor = batch.cursor
        return batch

    async def read(self, limit: int = 100) -> list[Change]:
        """Changes until there are no more right now."""
        changes: list[Change] = []
        while True:
            batch = await self.batch(limit)
            changes += batch.changes
            if not batch.more:
                return changes


async def started(kind: Kind, *rows: str, ddl: str = TABLE) -> Reader:
    await kind.run(ddl, *(f"INSERT INTO t VALUES {row}" for row in rows))
    return await Reader.of(await kind.store(columns=("name", "age")))


def names(changes: Sequence[Change]) -> dict[object, object]:
    return {change.key[0]: change.stored.row["name"] if change.stored else None for change in changes}


async def test_inserts_updates_and_deletes_are_seen_with_the_row_as_it_is_now(kind: Kind) -> None:
    reader = await started(kind, "(1, 'ada', 36)", "(2, 'bob', 40)")
    assert await reader.read() == [], "nothing before now"
    await kind.run(
        "INSERT INTO t VALUES (3, 'cyd', 1)", "UPDATE t SET name = 'a' WHERE id = 1", "DELETE FROM t WHERE id = 2"
    )
    await kind.run("UPDATE t SET name = 'ada!' WHERE id = 1")
    changes = await reader.read()
    assert names(changes) == {1: "ada!", 2: None, 3: "cyd"}
    assert [change.position for change in changes] == sorted({change.position for change in changes})
    assert not any(change.echo for change in changes)
    assert all(change.captured_at > 1.7e9 for change in changes)
    assert await reader.read() == []


async def test_a_changed_key_is_a_delete_and_an_insert(kind: Kind) -> None:
    reader = await started(kind, "(1, 'ada', 36)")
    await kind.run("UPDATE t SET id = 9 WHERE id = 1")
    assert names(await reader.read()) == {1: None, 9: "ada"}


async def test_a_batch_is_bounded_and_the_next_one_goes_on(kind: Kind) -> None:
    reader = await started(kind)
    await kind.run(*(f"INSERT INTO t VALUES ({key}, 'n{key}', 1)" for key in range(1, 8)))
    first = await reader.batch(3)
    assert (len(first.changes), first.more) == (3, True)
    await kind.run("UPDATE t SET name = 'late' WHERE id = 7")
    rest = await reader.read(3)
    assert {**names(first.changes), **names(rest)} == {**{key: f"n{key}" for key in range(1, 7)}, 7: "late"}
    assert await reader.read(3) == []


async def test_what_the_sync_wrote_itself_is_an_echo_and_nobody_elses_write_is(kind: Kind) -> None:
    reader = await started(kind, "(1, 'ada', 36)", "(2, 'bob', 40)")
    async with reader.store.transaction() as ours:
        await ours.write(
            [
                Write((1,), Operation.UPSERT, {"id": 1, "name": "Ada"}),
                Write((2,), Operation.UPSERT, {"id": 2, "age": 41}),
            ]
        )
    await kind.run("UPDATE t SET age = 42 WHERE id = 2")
    assert {change.key: change.echo for change in await reader.read()} == {(1,): True, (2,): False}
    other = await kind.store(columns=("name", "age"), sync="elsewhere")
    theirs = await Reader.of(other)
    async with reader.store.transaction() as ours:
        await ours.write([Write((1,), Operation.UPSERT, {"id": 1, "age": 1})])
    assert [change.echo for change in await theirs.read()] == [False], "an echo for the sync that wrote it alone"


async def test_a_long_transaction_with_a_lower_number_that_commits_late_is_seen(
    postgresql: Kind, mariadb: Kind
) -> None:
    for kind in (postgresql, mariadb):
        reader = await started(kind, "(1, 'ada', 36)")
        slow = await kind.client()
        await slow.run("BEGIN")
        await slow.run("INSERT INTO t VALUES (50, 'slow', 1)")
        for key in range(2, 6):
            await kind.run(f"INSERT INTO t VALUES ({key}, 'n{key}', 1)")
            assert names(await reader.read()) == {key: f"n{key}"}, "nobody waits for the open transaction"
        await slow.run("COMMIT")
        (late,) = await reader.read()
        assert late.key == (50,)
        assert await reader.read() == []


async def test_a_reader_that_only_looks_beyond_the_greatest_number_would_lose_it(
    postgresql: Kind, mariadb: Kind
) -> None:
    """The counterpart: the naive cursor, shown to lose what the test above sees."""
    for kind in (postgresql, mariadb):
        await started(kind)
        slow = await kind.client()
        await slow.run("BEGIN")
        await slow.run("INSERT INTO t VALUES (50, 'slow', 1)")
        await kind.run("INSERT INTO t VALUES (2, 'quick', 1)")
        ((greatest,),) = await kind.run("SELECT max(seq) FROM strangler_outbox_t")
        await slow.run("COMMIT")
        assert await kind.run(f"SELECT k1 FROM strangler_outbox_t WHERE seq > {greatest}") == []
        assert await kind.run(f"SELECT k1 FROM strangler_outbox_t WHERE seq < {greatest}") == [(50,)]


async def test_two_transactions_on_one_key_are_seen_in_the_order_of_their_commits(
    postgresql: Kind, mariadb: Kind
) -> None:
    """A transaction that was numbered first may write a key last: it waited for the row, and drew its number after."""
    for kind in (postgresql, mariadb):
        reader = await started(kind, "(1, 'ada', 36)", "(2, 'bob', 40)")
        first, second = await kind.client(), await kind.client()
        await first.run("BEGIN")
        await first.run("UPDATE t SET name = 'b1' WHERE id = 2")
        await second.run("BEGIN")
        await second.run("UPDATE t SET name = 'second' WHERE id = 1")
        waiting = asyncio.ensure_future(first.run("UPDATE t SET name = 'first' WHERE id = 1"))
        await eventually(lambda kind=kind: _waits(kind))
        await second.run("COMMIT")
        await waiting
        assert names(await reader.read()) == {1: "second"}
        await first.run("COMMIT")
        assert names(await reader.read()) == {1: "first", 2: "b1"}
    order = "SELECT xid::text::bigint, seq FROM strangler_outbox_t WHERE k1 = 1 ORDER BY {}"
    by_transaction, by_number = [await postgresql.run(order.format(by)) for by in ("xid, seq", "seq")]
    assert by_transaction != by_number, "ORDER BY xid, seq gives the key's writes in the wrong order"


WAITING = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
    "mariadb": "SELECT 1 FROM information_schema.GLOBAL_STATUS "
    "WHERE VARIABLE_NAME = 'INNODB_ROW_LOCK_CURRENT_WAITS' AND VARIABLE_VALUE > 0",
}


async def _waits(kind: Kind) -> bool:
    return await kind.run(WAITING[kind.name]) != []


async def test_the_usual_reader_of_transactions_below_xmin_waits_for_the_oldest_one(postgresql: Kind) -> None:
    """The counterpart of PgQ's rule: `xid < pg_snapshot_xmin` shows nothing at all while one transaction is open."""
    reader = await started(postgresql)
    slow = await postgresql.client()
    await slow.run("BEGIN")
    await slow.run("INSERT INTO t VALUES (50, 'slow', 1)")
    await postgresql.run("INSERT INTO t VALUES (2, 'quick', 1)")
    usual = "SELECT k1 FROM strangler_outbox_t WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, seq"
    assert await postgresql.run(usual) == []
    assert names(await reader.read()) == {2: "quick"}
    await slow.run("ROLLBACK")


async def test_numbers_of_rolled_back_writes_are_waited_for_by_nobody_and_forgotten(mariadb: Kind) -> None:
    reader = await started(mariadb)
    doomed = await mariadb.client()
    await doomed.run("BEGIN")
    await doomed.run("INSERT INTO t VALUES (50, 'doomed', 1)")
    await mariadb.run("INSERT INTO t VALUES (2, 'quick', 1)")
    assert names(await reader.read()) == {2: "quick"}
    assert reader.cursor is not None
    assert [reader.cursor["seq"] - gap[1] for gap in reader.cursor["gaps"]] == [1]

    async def waits_for_somebody() -> bool:
        await reader.read()
        return reader.cursor is not None and bool(reader.cursor["gaps"][0][2])

    await eventually(waits_for_somebody)
    await doomed.run("ROLLBACK")

    async def forgotten() -> bool:
        assert await reader.read() == []
        return reader.cursor is not None and reader.cursor["gaps"] == []

    await eventually(forgotten)


async def test_several_syncs_of_one_server_all_forget_what_was_rolled_back(mariadb: Kind) -> None:
    """InnoDB renews its list of transactions only when nobody has looked for 0.1 s: readers must not keep it old."""
    first = await started(mariadb)
    others = [await mariadb.store(columns=("name",), sync=f"other{number}") for number in range(3)]
    readers = [first, *[await Reader.of(store) for store in others]]
    doomed = await mariadb.client()
    await doomed.run("BEGIN")
    await doomed.run("INSERT INTO t VALUES (50, 'doomed', 1)")
    await mariadb.run("INSERT INTO t VALUES (2, 'quick', 1)")
    for reader in readers:
        await reader.read()
    await doomed.run("ROLLBACK")

    async def forget(reader: Reader) -> None:
        async def forgotten() -> bool:
            await reader.read()
            return reader.cursor is not None and reader.cursor["gaps"] == []

        await eventually(forgotten, deadline_s=30)

    await asyncio.gather(*map(forget, readers))


async def test_a_gap_whose_writer_is_alive_stays_for_as_long_as_that_takes(mariadb: Kind) -> None:
    reader = await started(mariadb)
    slow = await mariadb.client()
    await slow.run("BEGIN")
    await slow.run("INSERT INTO t VALUES (50, 'slow', 1)")
    for key in range(100, 130):  # thirty looks stand for minutes: no clock decides, only whether the writer is alive
        await mariadb.run(f"INSERT INTO t VALUES ({key}, NULL, 1)")
        assert names(await reader.read()) == {key: None}
        await asyncio.sleep(0.02)
    await slow.run("COMMIT")
    assert names(await reader.read()) == {50: "slow"}


async def test_a_reader_that_gives_a_gap_up_while_its_writer_lives_would_lose_it(
    mariadb: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counterpart: gaps that are given up at once, shown to lose what the test above sees."""
    from legacy_adapters.sql.mariadb.gaps import Gap

    monkeypatch.setattr(Gap, "dead", True)
    reader = await started(mariadb)
    slow = await mariadb.client()
    await slow.run("BEGIN")
    await slow.run("INSERT INTO t VALUES (50, 'slow', 1)")
    await mariadb.run("INSERT INTO t VALUES (2, 'quick', 1)")
    assert names(await reader.read()) == {2: "quick"}
    await reader.read()
    await slow.run("COMMIT")
    assert await reader.read() == []


async def test_without_the_right_to_see_transactions_gaps_stay_and_nothing_is_lost(mariadb: Kind) -> None:
    reader = await started(mariadb)
    database = mariadb.url.rpartition("/")[2]
    user = f"lesser_{database}"
    await mariadb.run(f"CREATE USER {user}", f"GRANT SELECT, TRIGGER ON {database}.* TO {user}")
    lesser = Kind("mariadb", mariadb.url.replace("root@", f"{user}@"))
    try:
        store = await lesser.store(columns=("name", "age"), ready=False)
        theirs = Reader(store, reader.cursor)
        slow = await mariadb.client()
        await slow.run("BEGIN")
        await slow.run("INSERT INTO t VALUES (50, 'slow', 1)")
        await mariadb.run("INSERT INTO t VALUES (2, 'quick', 1)")
        for _ in range(3):
            await theirs.read()
            await asyncio.sleep(0.16)
        await slow.run("COMMIT")
        assert names(await theirs.read()) == {50: "slow"}
        assert any("PROCESS" in note for note in store.capabilities.notes)
        (doubt,) = await store.doubts()
        assert "GRANT PROCESS" in doubt
        assert await reader.store.doubts() == []
    finally:
        await lesser.close()


async def test_other_triggers_of_the_table_keep_working_and_what_they_write_is_seen(kind: Kind) -> None:
    await kind.run(TABLE, "CREATE TABLE log (id int, name varchar(20))")
    if kind.name == "postgresql":
        await kind.run(
            "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO log VALUES (NEW.id, NEW.name); NEW.name := upper(NEW.name); RETURN NEW; END $$",
            "CREATE TRIGGER theirs BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION theirs()",
        )
    elif kind.name == "mariadb":
        await kind.run(
            "CREATE TRIGGER theirs BEFORE INSERT ON t FOR EACH ROW BEGIN INSERT INTO log VALUES (NEW.id, NEW.name); "
            "SET NEW.name = upper(NEW.name); END",
            "CREATE TRIGGER also_theirs AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (-NEW.id, NEW.name)",
        )
    else:
        await kind.run(
            "CREATE TRIGGER theirs AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id, NEW.name); "
            "UPDATE t SET name = upper(name) WHERE id = NEW.id; END"
        )
    reader = await Reader.of(await kind.store(columns=("name", "age")))
    await kind.run("INSERT INTO t VALUES (1, 'ada', 36)")
    assert names(await reader.read()) == {1: "ADA"}
    assert (1, "ada") in await kind.run("SELECT id, name FROM log")
    await reader.store.uninstall()
    await kind.run("INSERT INTO t VALUES (2, 'bob', 36)")
    assert (2, "bob") in await kind.run("SELECT id, name FROM log")


async def test_rows_that_a_foreign_key_changes_are_seen_or_refused(kind: Kind) -> None:
    await kind.run("CREATE TABLE parent (id int NOT NULL PRIMARY KEY)", "INSERT INTO parent VALUES (1), (2)")
    await kind.run(
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20), age int, boss int, "
        "CONSTRAINT of_boss FOREIGN KEY (boss) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE SET NULL)",
        "INSERT INTO t VALUES (7, 'ada', 1, 1)",
    )
    if kind.name == "mariadb":
        with pytest.raises(PlanError, match=r"of_boss.*fires no trigger.*ON DELETE RESTRICT"):
            await kind.store(columns=("name",))
        return
    reader = await Reader.of(await kind.store(columns=("name", "boss")))
    await kind.run("DELETE FROM parent WHERE id = 1")
    assert names(await reader.read()) == {7: None}


async def test_mariadb_really_fires_no_trigger_for_a_cascade(mariadb: Kind) -> None:
    """The counterpart: why such a key is refused."""
    await mariadb.run("CREATE TABLE parent (id int NOT NULL PRIMARY KEY)", "INSERT INTO parent VALUES (1)")
    await mariadb.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20), age int, boss int)")
    reader = await Reader.of(await mariadb.store(columns=("name",)))
    await mariadb.run(
        "INSERT INTO t VALUES (7, 'ada', 1, 1)",
        "ALTER TABLE t ADD FOREIGN KEY (boss) REFERENCES parent (id) ON DELETE CASCADE",
        "DELETE FROM parent WHERE id = 1",
    )
    assert await mariadb.run("SELECT id FROM t") == []
    assert await mariadb.run("SELECT op FROM strangler_outbox_t") == [("I",)], "the delete left nothing"
    with pytest.raises(CaptureError):
        await reader.store.verify_capture()


async def test_truncate_is_seen_by_postgresql(postgresql: Kind) -> None:
    reader = await started(postgresql, "(1, 'ada', 36)", "(2, 'bob', 40)")
    await postgresql.run("TRUNCATE t")
    assert names(await reader.read()) == {1: None, 2: None}


async def test_rows_that_are_replaced_are_seen(sqlite: Kind, mariadb: Kind) -> None:
    for kind, verb in ((sqlite, "INSERT OR REPLACE"), (mariadb, "REPLACE")):
        reader = await started(kind, "(1, 'ada', 36)", "(2, 'bob', 40)")
        await kind.run(f"{verb} INTO t VALUES (3, 'ada', 1)")
        assert names(await reader.read()) == {1: None, 3: "ada"}


async def test_rows_that_an_update_replaces_are_seen(sqlite: Kind) -> None:
    reader = await started(sqlite, "(1, 'ada', 36)", "(2, 'bob', 40)")
    await sqlite.run("UPDATE OR REPLACE t SET name = 'ada' WHERE id = 2")
    assert names(await reader.read()) == {1: None, 2: "ada"}


async def test_capture_that_was_tampered_with_is_noticed(kind: Kind) -> None:
    reader = await started(kind)
    ending = " ON t" if kind.name == "postgresql" else ""
    victim = "strangler_row_t" if kind.name == "postgresql" else "strangler_update_t"
    await kind.run(f"DROP TRIGGER {victim}{ending}")
    with pytest.raises(CaptureError, match="dropped, changed or switched off"):
        await reader.store.verify_capture()
    await reader.store.install()
    await reader.store.verify_capture()
    with pytest.raises(CaptureError, match="installed anew"):
        await reader.read()


async def test_a_trigger_that_is_switched_off_and_on_again_is_noticed(postgresql: Kind) -> None:
    reader = await started(postgresql)
    await postgresql.run(
        "ALTER TABLE t DISABLE TRIGGER strangler_row_t", "ALTER TABLE t ENABLE ALWAYS TRIGGER strangler_row_t"
    )
    with pytest.raises(CaptureError, match="switched off"):
        await reader.store.verify_capture()


async def test_installing_twice_changes_nothing(kind: Kind) -> None:
    reader = await started(kind)
    await kind.run("INSERT INTO t VALUES (1, 'ada', 36)")
    await reader.store.install()
    assert names(await reader.read()) == {1: "ada"}


async def test_ddl_during_a_sync_stops_it_with_what_changed(kind: Kind) -> None:
    reader = await started(kind, "(1, 'ada', 36)")
    await kind.run("ALTER TABLE t ADD COLUMN extra int")
    with pytest.raises(SchemaChangedError, match=r"column extra is new.*Nothing was lost"):
        await reader.store.verify_capture()
    await kind.run("UPDATE t SET name = 'Ada' WHERE id = 1", "ALTER TABLE t DROP COLUMN age")
    with pytest.raises(SchemaChangedError):
        await reader.read()
    again = await kind.store(columns=("name",), ready=False)
    assert names(await Reader(again, reader.cursor).read()) == {1: "Ada"}, "the write was kept for the restarted sync"


async def test_events_are_pruned_only_once_every_consumer_has_them_behind_it(kind: Kind) -> None:
    first = await started(kind)
    second = await Reader.of(await kind.store(columns=("name",), sync="other"))
    await kind.run(*(f"INSERT INTO t VALUES ({key}, NULL, 1)" for key in range(1, 11)))
    await first.read()
    assert first.cursor is not None
    assert second.cursor is not None
    assert await first.store.prune(first.cursor, 100) == 0, "the other has not said where it is"
    await second.store.prune(second.cursor, 100)
    assert await first.store.prune(first.cursor, 100) == 0, "the other is at the beginning"
    assert len(await second.read()) == 10
    assert second.cursor is not None
    assert await second.store.prune(second.cursor, 4) == 4
    assert await second.store.prune(second.cursor, 100) == 5, "the line that both stand on stays"
    assert await first.read() == await second.read() == []
    await kind.run("INSERT INTO t VALUES (99, 'new', 1)")
    assert names(await first.read()) == names(await second.read()) == {99: "new"}


async def test_what_is_still_a_gap_is_never_pruned(mariadb: Kind) -> None:
    reader = await started(mariadb)
    slow = await mariadb.client()
    await slow.run("BEGIN")
    await slow.run("INSERT INTO t VALUES (50, 'slow', 1)")
    await mariadb.run("INSERT INTO t VALUES (2, 'quick', 1)", "INSERT INTO t VALUES (3, 'last', 1)")
    await reader.read()
    before = reader.cursor
    assert before is not None
    await slow.run("COMMIT")
    assert await reader.store.prune(before, 100) == 1
    assert names(await reader.read()) == {50: "slow"}


async def test_chunk_and_changes_are_of_one_moment(kind: Kind) -> None:
    reader = await started(kind, "(1, 'ada', 36)", "(2, 'bob', 40)", "(3, 'cyd', 50)")
    await kind.run("UPDATE t SET name = 'before' WHERE id = 1")
    async with reader.store.snapshot() as snapshot:
        batch = await snapshot.changes(reader.cursor, 100)
        await kind.run("UPDATE t SET name = 'after' WHERE id = 1", "DELETE FROM t WHERE id = 2")
        first = await snapshot.chunk(None, 2)
        second = await snapshot.chunk(first.key(-1), 2)
        assert names(batch.changes) == {1: "before"}
        assert [*first.rows, *second.rows] == [(1, "before", 36), (2, "bob", 40), (3, "cyd", 50)]
        assert len(await snapshot.chunk(second.key(-1), 2)) == 0
    reader.cursor = batch.cursor
    assert names(await reader.read()) == {1: "after", 2: None}


async def test_an_open_snapshot_makes_no_writer_wait(kind: Kind) -> None:
    reader = await started(kind, "(1, 'ada', 36)")
    async with reader.store.snapshot() as snapshot:
        await snapshot.chunk(None, 10)
        await asyncio.wait_for(kind.run("UPDATE t SET name = 'free' WHERE id = 1"), 3)
    assert names(await reader.read()) == {1: "free"}


async def test_a_user_who_may_not_make_triggers_is_told_before_anything_is_made(postgresql: Kind) -> None:
    database = postgresql.url.rpartition("/")[2]
    user = f"lesser_{database}"
    await postgresql.run(TABLE, f"CREATE USER {user}", f"GRANT SELECT ON t TO {user}")
    lesser = Kind("postgresql", postgresql.url.replace("strangler@", f"{user}@"))
    try:
        lacking = await (await lesser.store(ready=False)).lacking(written=False)
        assert [("does not own" in lack, "may not make tables" in lack) for lack in lacking] == [
            (True, False),
            (False, True),
        ]
    finally:
        await lesser.close()
    assert await (await postgresql.store(ready=False)).lacking(written=True) == []
