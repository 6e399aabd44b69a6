"""The state database: made, migrated or refused, on SQLite and PostgreSQL, by one process or several at once."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from shadow.errors import StoreError
from shadow.keeping.database import Database, open_database
from shadow.keeping.schema import VERSION_TABLE, migrate
from shadow.keeping.tables import metadata


@pytest_asyncio.fixture
async def database(state_url: str) -> AsyncIterator[Database]:
    opened = open_database(state_url)
    yield opened
    await opened.close()


async def test_migrations_make_exactly_the_tables_of_the_code(database):
    def differences(connection: Connection) -> list[object]:
        def ours(entry: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
            return kind != "table" or str(name).startswith("shadow_")

        options = {"include_object": ours, "version_table": VERSION_TABLE, "compare_type": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    await migrate(database)
    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []


async def test_processes_that_start_at_once_migrate_once(state_url):
    opened = [open_database(state_url) for _ in range(4)]
    await asyncio.gather(*(migrate(one) for one in opened))
    async with opened[0].reading() as connection:
        versions = (await connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))).scalars().all()
    for one in opened:
        await one.close()
    assert versions == ["0002"]


async def test_a_database_of_a_newer_release_is_refused_with_words(database):
    await migrate(database)
    async with database.writing() as connection:
        await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer release") as caught:
        await migrate(database)
    assert caught.value.reason == "newer"


async def test_a_transaction_that_fails_leaves_nothing(database):
    await migrate(database)

    async def insert_twice() -> None:
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO shadow_versions (name, version) VALUES ('rules', 1)"))
            await connection.execute(text("INSERT INTO shadow_versions (name, version) VALUES ('rules', 2)"))

    with pytest.raises(StoreError):
        await insert_twice()
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM shadow_versions"))).scalar() == 0


async def test_only_the_owner_may_read_the_file_and_its_log(tmp_path):
    file = tmp_path / "strangler.db"
    file.touch(mode=0o644)
    opened = open_database(f"sqlite:///{file}")
    await migrate(opened)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    await opened.close()
    assert modes == {"strangler.db": 0o600, "strangler.db-wal": 0o600, "strangler.db-shm": 0o600}


async def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file") as caught:
        open_database(f"sqlite:///{tmp_path / 'file' / 'strangler.db'}")
    assert caught.value.reason == "refused"


async def test_a_database_server_that_is_away_is_said(unused_tcp_port):
    opened = open_database(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/nothing")
    with pytest.raises(StoreError) as caught:
        await migrate(opened)
    await opened.close()
    assert caught.value.reason == "away"


async def test_noise_of_the_schema_before_goes_with_its_bytes(database, tmp_path):
    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", "shadow.keeping:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    async with database.writing() as connection:
        await connection.run_sync(upgrade)
        row = {"node": "n", "route": "orders", "state": '{"keys": [["/sessions/s3cr3tkey"]]}', "at": 1.0}
        query = "INSERT INTO shadow_noise (node, route, state, at) VALUES (:node, :route, :state, :at)"
        await connection.execute(text(query), row)
    await migrate(database)
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM shadow_noise"))).scalar() == 0
    if database.dialect == "sqlite":
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO shadow_versions (name, version) VALUES ('rules', 1)"))
        async with database.reading() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert not [path for path in tmp_path.rglob("*.db") if b"s3cr3tkey" in path.read_bytes()]
