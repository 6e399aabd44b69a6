"""Rows of MariaDB that are longer than a packet of it: each column arrived by itself, and together they are too long."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.sync_stores import Kind
from support.sync_way import configured, opened_way

#: A packet in this test, and of what size a value is that two of do not fit into one.
PACKET_BYTES, VALUE_BYTES = 1 << 20, 700_000
TYPES = {"longtext": "text", "mediumblob": "bytea", "json": "json"}
FIELDS = [{"legacy": name, "new": name} for name in ("id", "a", "b")]


def long(letter: str) -> str:
    """An expression of a long value that each of the types takes."""
    return f"""CONCAT('["', REPEAT('{letter}', {VALUE_BYTES}), '"]')"""


@pytest.fixture
async def small_packets(mariadb: Kind):
    """MariaDB whose packets are short for whoever connects from now on."""
    ((before,),) = await mariadb.run("SELECT @@GLOBAL.max_allowed_packet")
    await mariadb.run(f"SET GLOBAL max_allowed_packet = {PACKET_BYTES}")
    yield mariadb
    await mariadb.run(f"SET GLOBAL max_allowed_packet = {before}")


@pytest.mark.parametrize("column_type", TYPES)
async def test_a_row_that_is_longer_than_a_packet_arrives_and_so_do_its_changes(
    small_packets: Kind, postgresql: Kind, tmp_path: Path, column_type: str
) -> None:
    source, target, columns = small_packets, postgresql, "(id int NOT NULL PRIMARY KEY, a {0}, b {0})"
    await source.run(
        f"CREATE TABLE t {columns.format(column_type)}",
        f"INSERT INTO t VALUES (1, {long('a')}, {long('b')}), (2, '[1]', '[2]')",
    )
    await target.run(f"CREATE TABLE t {columns.format(TYPES[column_type])}")
    async with opened_way(configured(source, target, fields=FIELDS), tmp_path) as way:
        await way.copy()
        assert [row[0] for row in await target.run("SELECT id FROM t ORDER BY id")] == [1, 2]
        await source.run(f"UPDATE t SET a = {long('c')} WHERE id = 1")
        await source.run(f"INSERT INTO t VALUES (3, {long('d')}, {long('e')})")
        await way.follow()
    assert [row[0] for row in await target.run("SELECT id FROM t ORDER BY id")] == [1, 2, 3]
    digest = "SELECT md5(a{0}), md5(b{0}) FROM t WHERE id IN (1, 3) ORDER BY id"
    cast = "::text" if column_type == "json" else ""
    assert await target.run(digest.format(cast)) == await source.run(digest.format(""))


@pytest.mark.parametrize("column_type", ["longtext", "longblob", "json"])
async def test_a_change_of_a_value_that_is_longer_than_a_packet_shows_in_the_hash(
    small_packets: Kind, column_type: str
) -> None:
    application = await small_packets.client()
    await application.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, a {column_type})")
    await application.run(f"INSERT INTO t VALUES (1, {long('a')})")
    await small_packets.run(f"SET GLOBAL max_allowed_packet = {PACKET_BYTES // 2}")
    store = await small_packets.store(columns=("a",), ready=False)
    hashes = set()
    for letter in "abc":
        await application.run(f"UPDATE t SET a = {long(letter)}")
        async with store.snapshot() as snapshot:
            hashes.update((await snapshot.chunk(None, 10)).hashes)
    assert None not in hashes
    assert len(hashes) == 3
