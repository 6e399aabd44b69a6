"""What happens to the stores behind a sync's back: capture made anew, tables emptied, backups brought back."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from legacy_adapters.engine.operations import Operations
from legacy_adapters.errors import CaptureError
from legacy_adapters.record import Side
from legacy_adapters.sql.store import SqlSettings, SqlStore
from support.sync_stores import Kind
from support.sync_way import configured, opened_way

TABLE = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(40), version bigint NOT NULL DEFAULT 1)"


@pytest.fixture(params=["outbox", {"poll": "version", "interval": "1ms"}])
def capture(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_changes_after_capture_was_made_anew_are_not_taken_for_old_ones(
    kind: Kind, sqlite: Kind, capture: Any, tmp_path: Path
) -> None:
    await kind.run(TABLE, "INSERT INTO t (id, name) VALUES (1, 'a')")
    await sqlite.run(TABLE)
    sync = configured(kind, sqlite, capture={"legacy": capture})
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        for number in range(2, 9):
            await kind.run(f"UPDATE t SET name = 'n{number}', version = {number} WHERE id = 1")
            await way.follow()
        assert await sqlite.run("SELECT name FROM t") == [("n8",)]
        await Operations([way.stream]).copy_again("to_new")
        if capture == "outbox":
            await way.direction.reads.uninstall()  # type: ignore[attr-defined]
            await way.direction.reads.install()  # type: ignore[attr-defined]
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        await kind.run("UPDATE t SET name = 'after', version = 20000 WHERE id = 1")
        await way.follow()
    assert await sqlite.run("SELECT name FROM t") == [("after",)]


async def write(kind: Kind, key: int, *names: str) -> None:
    for name in names:
        await kind.run(f"UPDATE t SET name = '{name}' WHERE id = {key}")


async def test_an_outbox_that_was_emptied_is_told_and_nothing_is_lost_in_silence(
    kind: Kind, sqlite: Kind, tmp_path: Path
) -> None:
    await kind.run(TABLE, "INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b')")
    await sqlite.run(TABLE)
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        await write(kind, 1, "seen")
        await way.follow()
        await write(kind, 1, "lost")
        await kind.run(f"{'DELETE FROM' if kind.name == 'sqlite' else 'TRUNCATE'} strangler_outbox_t")
        with pytest.raises(CaptureError, match="emptied"):
            await way.follow()
        await write(kind, 2, *(f"n{number}" for number in range(9)))
        with pytest.raises(CaptureError, match="emptied"):
            await way.follow()
        await Operations([way.stream]).copy_again("to_new")
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        await way.follow()
        await write(kind, 2, "after")
        await way.follow()
    assert await sqlite.run("SELECT id, name FROM t ORDER BY id") == [(1, "lost"), (2, "after")]


RESTORED = {
    "postgresql": "SELECT setval(pg_get_serial_sequence('strangler_outbox_t', 'seq'), (SELECT max(seq) FROM strangler_outbox_t))",
    "mariadb": "ALTER TABLE strangler_outbox_t AUTO_INCREMENT = 1",
    "sqlite": "UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM strangler_outbox_t) WHERE name = 'strangler_outbox_t'",
}


async def test_a_source_that_went_back_to_an_older_state_is_told(kind: Kind, sqlite: Kind, tmp_path: Path) -> None:
    await kind.run(TABLE, "INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b')")
    await sqlite.run(TABLE)
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        await write(kind, 1, "kept")
        await way.follow()
        await write(kind, 1, "one", "two", "three")
        await way.follow()
        await kind.run(
            "DELETE FROM strangler_outbox_t WHERE seq > (SELECT x FROM (SELECT min(seq) AS x FROM strangler_outbox_t) q)",
            RESTORED[kind.name],
        )
        await write(kind, 2, "new", "newer", "newest", "again")
        with pytest.raises(CaptureError):
            await way.follow()
        await Operations([way.stream]).copy_again("to_new")
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        await write(kind, 1, "last")
        await way.follow()
    assert await sqlite.run("SELECT id, name FROM t ORDER BY id") == [(1, "last"), (2, "again")]


async def test_a_target_that_went_back_reads_again_what_it_lost(kind: Kind, sqlite: Kind, tmp_path: Path) -> None:
    """A backup of the target has an older checkpoint, ledger and rows: what is pruned since cannot come again."""
    await kind.run(TABLE, "INSERT INTO t (id, name) VALUES (1, 'a'), (2, 'b')")
    await sqlite.run(TABLE)
    file = Path(make_url(sqlite.url).database or "")
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        await write(kind, 1, "kept")
        await way.follow()
    await sqlite.run("PRAGMA wal_checkpoint(TRUNCATE)")
    backup = file.read_bytes()
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        await write(kind, 2, "lost by the backup")
        await way.follow()
        await write(kind, 1, "later")
        await way.follow()
    file.write_bytes(backup)
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        await way.follow()
        assert await sqlite.run("SELECT id, name FROM t ORDER BY id") == [(1, "later"), (2, "lost by the backup")]
        await way.direction.reads.prune(way.stream.the_mark().cursor, 100)
    file.write_bytes(backup)
    async with opened_way(configured(kind, sqlite), tmp_path) as way:
        await way.copy()
        with pytest.raises(CaptureError):
            await way.follow()


async def test_numbers_of_transactions_are_not_believed_in_another_life_of_the_cluster(postgresql: Kind) -> None:
    """A standby that was behind, or a dump in a new cluster, gives out numbers that the snapshot of before has seen."""
    await postgresql.run(TABLE)
    role = f"plain_{secrets.token_hex(4)}"
    await postgresql.run(
        f"CREATE ROLE {role} LOGIN", f"ALTER TABLE t OWNER TO {role}", f"GRANT CREATE ON SCHEMA public TO {role}"
    )
    settings = SqlSettings(
        "people", Side.LEGACY, str(make_url(postgresql.url).set(username=role)), "t", ("id",), ("name",)
    )
    store = await SqlStore.open(settings)
    try:
        await store.prepare(store.key_kinds)
        await store.install()
        async with store.snapshot() as snapshot:
            cursor = (await snapshot.changes(None, 10)).cursor
        await postgresql.run("INSERT INTO t (id, name) VALUES (1, 'a')")
        async with store.snapshot() as snapshot:
            cursor = (await snapshot.changes(cursor, 10)).cursor
        await postgresql.run("INSERT INTO t (id, name) VALUES (2, 'b')")
        ahead = {**cursor, "seen": "4000000000:4000000000:", "line": "1:00000001"}
        async with store.snapshot() as snapshot:
            read = await snapshot.changes(ahead, 10)
        assert [change.key for change in read.changes] == [(1,), (2,)]
        async with store.snapshot() as snapshot:
            assert (await snapshot.changes(read.cursor, 10)).changes == ()
    finally:
        await store.close()
