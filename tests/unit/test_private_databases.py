"""The private database servers themselves: fresh databases, settings that hurt, nothing left behind."""

from __future__ import annotations

import os

import asyncmy
import asyncpg
import pytest
from sqlalchemy.engine import make_url

from support.mariadb_server import MariaDB
from support.poll import poll
from support.postgresql_server import PostgreSQL
from support.private_server import PrivateServer


async def test_postgresql_databases_are_new_and_far_from_utc(postgresql_server: PostgreSQL) -> None:
    first, second = postgresql_server.fresh(), postgresql_server.fresh()
    assert first != second
    connection = await asyncpg.connect(first)
    try:
        assert await connection.fetchval("SHOW timezone") == "America/New_York"
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()


async def test_mariadb_databases_are_new_latin1_and_lax(mariadb_url: str) -> None:
    url = make_url(mariadb_url)
    connection = await asyncmy.connect(host=url.host, port=url.port, user=url.username, db=url.database)
    try:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT @@sql_mode, @@character_set_database, @@global.time_zone")
            assert await cursor.fetchone() == ("", "latin1", "-05:00")
            await cursor.execute("SHOW TABLES")
            assert not await cursor.fetchall()
    finally:
        await connection.ensure_closed()


@pytest.mark.parametrize("kind", [PostgreSQL, MariaDB])
def test_a_stopped_server_leaves_no_process_and_no_folder(
    kind: type[PrivateServer], postgresql_server: PostgreSQL, mariadb_server: MariaDB
) -> None:
    server = kind()
    server.start()
    process = server._process
    assert process is not None
    server.stop()
    assert process.returncode is not None
    assert not server.folder.exists()
    poll(lambda: not _alive(process.pid), "the server's process is still there")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
