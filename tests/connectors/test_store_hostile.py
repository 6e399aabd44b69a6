"""Stores and records that want to do harm: what the target does by itself, keys and rows that it cannot keep."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from legacy_adapters.change import Entry, Operation, Write
from legacy_adapters.errors import PlanError, StoreUnavailableError, SyncError
from legacy_adapters.record import Side
from legacy_adapters.sql import connection
from legacy_adapters.sql.ledger import Ledger
from legacy_adapters.sql.store import SqlSettings, SqlStore
from support.sync_stores import Kind
from support.sync_way import configured, opened_way


def insert(key, **row):
    return Write((key,), Operation.UPSERT, {"id": key, **row}, exists=False)


def update(key, **row):
    return Write((key,), Operation.UPSERT, {"id": key, **row}, exists=True)


@pytest.mark.parametrize("clause", ["REPLACE", "IGNORE", "ROLLBACK", "FAIL"])
async def test_a_conflict_clause_of_a_table_takes_no_row_away(sqlite: Kind, clause: str) -> None:
    await sqlite.run(
        f"CREATE TABLE t (id int NOT NULL PRIMARY KEY ON CONFLICT {clause}, "
        f"name varchar(20) NOT NULL UNIQUE ON CONFLICT {clause})",
        "INSERT INTO t VALUES (1, 'ada'), (2, 'bob')",
    )
    store = await sqlite.store()
    async with store.transaction() as ours:
        refused = await ours.write([insert(3, name="ada"), update(2, name="ada"), insert(4, name="dan")])
    assert sorted(one.key for one in refused) == [(2,), (3,)]
    assert await sqlite.run("SELECT * FROM t ORDER BY id") == [(1, "ada"), (2, "bob"), (4, "dan")]


async def test_a_trigger_that_keeps_a_row_out_is_no_success(postgresql: Kind) -> None:
    await postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, name text)",
        "INSERT INTO t VALUES (1, 'ada'), (2, 'bob')",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF coalesce(NEW.id, OLD.id) % 2 = 1 THEN RETURN NULL; END IF; RETURN coalesce(NEW, OLD); END $$",
        "CREATE TRIGGER g BEFORE INSERT OR UPDATE OR DELETE ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    store = await postgresql.store()
    async with store.transaction() as ours:
        writes = [insert(3, name="c"), insert(4, name="d"), update(2, name="B")]
        assert [one.key for one in await ours.write(writes)] == [(3,)]
        assert [one.key for one in await ours.write([update(1, name="A")])] == [(1,)]
        delete = [Write((1,), Operation.DELETE, exists=True), Write((4,), Operation.DELETE, exists=True)]
        assert [one.key for one in await ours.write(delete)] == [(1,)]
    assert await postgresql.run("SELECT * FROM t ORDER BY id") == [(1, "ada"), (2, "B")]


async def test_children_by_inheritance_are_refused_since_their_writes_are_not_captured(postgresql: Kind) -> None:
    await postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, name text)", "CREATE TABLE child (PRIMARY KEY (id)) INHERITS (t)"
    )
    with pytest.raises(PlanError, match="child"):
        await postgresql.store()


async def test_an_error_of_a_trigger_refuses_its_row_whatever_its_number(postgresql: Kind, mariadb: Kind) -> None:
    await postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, name text)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.name = 'bad' THEN RAISE EXCEPTION 'no %', NEW.name USING ERRCODE = 'UE001'; END IF; "
        "IF NEW.name = 'worse' THEN ASSERT false, 'secret'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER g BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    await mariadb.run(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(20))",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN "
        "IF NEW.name = 'bad' THEN SIGNAL SQLSTATE '45001' SET MYSQL_ERRNO = 5001, MESSAGE_TEXT = 'no'; END IF; "
        "IF NEW.name = 'worse' THEN SIGNAL SQLSTATE '02000' SET MYSQL_ERRNO = 31001; "
        "SIGNAL SQLSTATE '99999' SET MYSQL_ERRNO = 31002; END IF; END",
    )
    for kind in (postgresql, mariadb):
        store = await kind.store()
        async with store.transaction() as ours:
            refused = await ours.write([insert(1, name="good"), insert(2, name="bad"), insert(3, name="worse")])
        assert {one.key: one.reason for one in refused} == {(2,): "other", (3,): "other"}, kind.name
        assert all("secret" not in one.detail and "bad" not in one.detail for one in refused)
        assert await kind.run("SELECT id FROM t") == [(1,)]


async def test_a_value_too_long_for_an_index_refuses_its_row(postgresql: Kind) -> None:
    await postgresql.run("CREATE TABLE t (id int PRIMARY KEY, name text UNIQUE)")
    store = await postgresql.store()
    long = secrets.token_hex(20_000)
    async with store.transaction() as ours:
        refused = await ours.write([insert(1, name="good"), insert(2, name=long)])
    assert [(one.key, one.reason) for one in refused] == [((2,), "too_long")]


async def test_a_row_longer_than_a_packet_refuses_itself_alone(mariadb: Kind) -> None:
    await mariadb.run("CREATE TABLE t (id int PRIMARY KEY, name longblob)")
    store = await mariadb.store()
    async with store.transaction() as ours:
        refused = await ours.write([insert(1, name=b"good"), insert(2, name=b"x" * (20 << 20))])
    assert [(one.key, one.reason) for one in refused] == [((2,), "too_long")]
    assert await mariadb.run("SELECT id FROM t") == [(1,)]


@pytest.mark.parametrize("key", ["a\0b", "a\ud800b", "k" * 3000, "ok"])
async def test_a_key_that_the_ledger_cannot_keep_is_told(kind: Kind, sqlite: Kind, key: str) -> None:
    await kind.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(20))")
    await sqlite.run("CREATE TABLE s (id text NOT NULL PRIMARY KEY, name text)")
    source = await sqlite.store("s", ready=False)
    store = await kind.store(ready=False)
    await store.prepare(source.key_kinds)
    async with store.transaction() as ours:
        if ours.unkept([(key,), ("fine",)]):
            assert key != "ok"
            return
        await ours.record([Entry((key,), (1,), 1, 2, None, 1)])
        assert list(await ours.entries([(key,), ("fine",)])) == [(key,)]


async def _standing_still(kind: Kind, store: SqlStore) -> None:
    async with store.transaction() as ours:
        await ours.fence("s")
        await ours.rows([(1,)])
        await kind.run("UPDATE t SET name = 'application' WHERE id = 1")
        await ours.checkpoint("s", {"seq": 9})


async def test_a_process_that_was_stopped_does_not_keep_rows_locked(
    postgresql: Kind, mariadb: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_TIMEOUT_S", 1.0)
    for kind in (postgresql, mariadb):
        await kind.run("CREATE TABLE t (id int PRIMARY KEY, name varchar(20))", "INSERT INTO t VALUES (1, 'a')")
        store = await kind.store()
        with pytest.raises(StoreUnavailableError):
            await _standing_still(kind, store)
        assert await store.read_checkpoint("s") is None
        async with store.transaction() as ours:
            await ours.checkpoint("s", {"seq": 1})


@pytest.mark.parametrize(
    "rest",
    [
        "s3cr3t@127.0.0.1:99999/db",
        "s3cr3t@127.0.0.1:port/db",
        "s3cr3t/1:x@h/db",
        "s3cr3t@[::1/db",
        "s3cr3t@h:1/d?sslmode=s",
    ],
)
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_a_url_that_is_none_is_refused_without_a_word_of_it(scheme: str, rest: str) -> None:
    with pytest.raises(SyncError) as refused:
        await SqlStore.open(SqlSettings("s", Side.NEW, f"{scheme}://u:{rest}", "t", ("id",), ()))
    assert "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_rows_that_a_policy_hides_are_not_taken_for_deleted(postgresql: Kind) -> None:
    role = f"tenant_{secrets.token_hex(4)}"
    await postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, name text)", f"CREATE ROLE {role} LOGIN", f"ALTER TABLE t OWNER TO {role}",
        f"GRANT CREATE ON SCHEMA public TO {role}", "INSERT INTO t VALUES (1, 'a')",
    )  # fmt: skip
    url = str(make_url(postgresql.url).set(username=role))
    store = await SqlStore.open(SqlSettings("s", Side.NEW, url, "t", ("id",), ("name",)))
    try:
        async with store.snapshot() as snapshot:
            assert len(await snapshot.rows([(1,)])) == 1
        await postgresql.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t FORCE ROW LEVEL SECURITY")
        with pytest.raises(StoreUnavailableError, match="row-level security"):
            async with store.snapshot() as snapshot:
                await snapshot.rows([(1,)])
    finally:
        await store.close()


async def test_an_application_gets_the_numbers_of_its_own_rows(postgresql: Kind, mariadb: Kind, sqlite: Kind) -> None:
    """`lastval()` of PostgreSQL cannot be kept: the docs say so."""
    asked = {
        "postgresql": ("id serial", "SELECT currval('t_id_seq')"),
        "mariadb": ("id int NOT NULL AUTO_INCREMENT", "SELECT LAST_INSERT_ID()"),
        "sqlite": ("id integer NOT NULL", "SELECT last_insert_rowid()"),
    }
    for kind in (postgresql, mariadb, sqlite):
        column, question = asked[kind.name]
        await kind.run(f"CREATE TABLE t ({column} PRIMARY KEY, name varchar(20))")
        await kind.store()
        client = await kind.client()
        await client.run("INSERT INTO t (name) VALUES ('a')")
        assert await client.run(question) == [(1,)], kind.name


async def test_a_trigger_that_gives_rows_other_keys_doubles_none(
    postgresql: Kind, mariadb: Kind, sqlite: Kind, tmp_path: Path
) -> None:
    await sqlite.run(
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name text)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"
    )
    await postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, name text)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.id = 2 THEN NEW.id := 1000 + (random() * 1000000)::int; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    await mariadb.run(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(20))",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = IF(NEW.id = 2, 1000 + RAND() * 1000000, NEW.id)",
    )
    for kind in (postgresql, mariadb):
        sync = configured(sqlite, kind).model_copy(update={"name": kind.name})
        async with opened_way(sync, tmp_path) as way:
            await way.copy()
            await sqlite.run("UPDATE t SET name = name || 'x'")
            await way.follow()
            held = await way.direction.writes.quarantine(resolved=False, after=0, limit=10)
            assert [(one.source_key, one.reason) for _, one in held] == [((2,), "other")], kind.name
        assert await kind.run("SELECT count(*) FROM t") == [(1,)], kind.name


async def _write(store: SqlStore) -> None:
    async with store.transaction() as ours:
        await ours.checkpoint("s", {"seq": 1})


async def test_a_database_that_is_set_to_only_be_read_is_waited_for(postgresql: Kind) -> None:
    await postgresql.run("CREATE TABLE t (id int PRIMARY KEY, name text)")
    database = make_url(postgresql.url).database
    await (await postgresql.store()).close()
    await postgresql.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    store = await postgresql.store(ready=False)
    store.ledger = Ledger(store._dialect, "strangler_ledger_people_to_new", store.table, store.key_kinds)
    with pytest.raises(StoreUnavailableError, match="read-only"):
        await _write(store)
