"""Tables and columns of any name: quoted where it is read, written, captured and looked at again."""

from __future__ import annotations

import pytest

from legacy_adapters.change import Operation, Write
from support.sync_stores import Kind

NAMES = [
    "CUST_MAST",
    "select",
    "a b",
    'a"b',
    "a`b",
    "a'b",
    "a;b--",
    "100%s",
    "a:b",
    "a.b",
    "naïve表",
    "x" * 63,
]


def quoted(kind: Kind, name: str) -> str:
    mark = "`" if kind.name == "mariadb" else '"'
    return mark + name.replace(mark, mark * 2) + mark


async def cycle(kind: Kind, table: str, column: str) -> None:
    q = quoted(kind, table)
    c, k = quoted(kind, column), quoted(kind, f"k{column}"[:60])
    await kind.run(f"CREATE TABLE {q} ({k} int NOT NULL PRIMARY KEY, {c} varchar(20) UNIQUE)")
    key = f"k{column}"[:60]
    store = await kind.store(table, (key,), (column,))
    async with store.snapshot() as snapshot:
        cursor = (await snapshot.changes(None, 10)).cursor
    await kind.run(f"INSERT INTO {q} VALUES (1, 'a')")
    async with store.transaction() as ours:
        write = Write((2,), Operation.UPSERT, {key: 2, column: "b"}, exists=False)
        assert await ours.write([write]) == []
        again = Write((1,), Operation.UPSERT, {key: 1, column: "c"}, exists=True)
        assert await ours.write([again]) == []
    await store.verify_capture()
    async with store.snapshot() as snapshot:
        changes = (await snapshot.changes(cursor, 10)).changes
        assert {change.key: change.stored.row[column] for change in changes if change.stored} == {(1,): "c", (2,): "b"}
        assert len(await snapshot.chunk((1,), 10)) == 1
        assert await snapshot.count() >= 0
    assert await store.doubts() == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_table_and_column_of_any_name(kind: Kind, name: str) -> None:
    await cycle(kind, name, name)


async def test_tables_of_one_name_in_two_schemas_are_captured_apart(postgresql: Kind, mariadb: Kind) -> None:
    for kind in (postgresql, mariadb):
        await kind.run(
            "CREATE SCHEMA other_place",
            "CREATE TABLE t (id int PRIMARY KEY, name varchar(20))",
            "CREATE TABLE other_place.t (id int PRIMARY KEY, name varchar(20))",
        )
        try:
            one = await kind.store("t", sync="one")
            async with one.snapshot() as snapshot:
                cursor = (await snapshot.changes(None, 10)).cursor
            two = await kind.store("other_place.t", sync="two")
            await kind.run("INSERT INTO t VALUES (1, 'a')", "INSERT INTO other_place.t VALUES (2, 'b')")
            one._capture._verified_at = 0.0  # as it looks a second later
            async with one.snapshot() as snapshot:
                assert [change.key for change in (await snapshot.changes(cursor, 10)).changes] == [(1,)]
            await one.verify_capture()
            await two.verify_capture()
        finally:
            if kind.name == "mariadb":
                await kind.run("DROP SCHEMA other_place")
