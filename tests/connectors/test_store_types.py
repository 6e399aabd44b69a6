"""Values: what is in a column comes out as it is, goes in as it was, and hashes differ where rows do."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest

from legacy_adapters.change import Load, Operation, Write
from legacy_adapters.connector import Listed
from legacy_adapters.sql.store import SqlStore
from legacy_adapters.values.kinds import Kind as ColumnFamily
from support.sync_stores import Kind

UTC = dt.UTC

POSTGRESQL: list[tuple[str, list[Any]]] = [
    ("boolean", [True, False, None]),
    ("bit(1)", [True, False]),
    ("bit(4)", ["0101"]),
    ("smallint", [-32768, 32767]),
    ("bigint", [-(2**63), 2**63 - 1]),
    (
        "numeric",
        [Decimal("1.10"), Decimal("1.1"), Decimal("NaN"), Decimal("1e40"), Decimal("-0.000000000000000000001")],
    ),
    ("numeric(10,2)", [Decimal("12345678.90")]),
    ("numeric(20)", [Decimal(2**64 - 1)]),
    ("real", [0.10000000149011612, math.inf]),
    ("double precision", [0.1, 1e308, 5e-324, -math.inf, 1.7976931348623157e308]),
    ("text", ["", " ", "blank ", "Zoë 🌱", "a|b:c~", "line\nend", "o'clock \\ %s $1"]),
    ("char(5)", ["ab", ""]),
    ("varchar(5)", ["ab", "ab "]),
    ("bytea", [b"", b"\x00\xff'\\"]),
    ("date", [dt.date(1, 1, 1), dt.date(1969, 7, 20), dt.date(9999, 12, 31), "infinity", "-infinity", "0044-03-15 BC"]),
    ("timestamp", [dt.datetime(1900, 1, 1, 0, 0, 0, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), "infinity"]),  # noqa: DTZ001
    (
        "timestamptz",
        [dt.datetime(2024, 3, 10, 7, 30, tzinfo=UTC), dt.datetime(2024, 11, 3, 5, 30, tzinfo=UTC), "-infinity"],
    ),
    ("time", [dt.time(0, 0), dt.time(23, 59, 59, 999999), "24:00:00"]),
    (
        "interval",
        [dt.timedelta(days=-3, seconds=5), dt.timedelta(microseconds=-1), dt.timedelta(hours=30), "1 year 2 mons"],
    ),
    ("uuid", [uuid.UUID(int=7)]),
    ("jsonb", [{"b": [1, 2.5, None, "ü"], "a": {}}, [], "null", '"text"', "7", None]),
    ("json", [{"b": 1, "a": 2}]),
    ("mood", ["happy", "it's"]),
    ("inet", ["10.0.0.1/8"]),
    ("int[]", ["{1,2,NULL}"]),
    ("positive", [3]),
]
MARIADB: list[tuple[str, list[Any]]] = [
    ("boolean", [1, 0, 2, None]),
    ("bit(1)", [True, False]),
    ("bit(9)", [0, 511]),
    ("tinyint unsigned", [255]),
    ("bigint unsigned", [2**64 - 1, 0]),
    ("bigint", [-(2**63)]),
    ("decimal(10,2)", [Decimal("12345678.90"), Decimal("-0.01")]),
    ("decimal(65,30)", [Decimal("1.000000000000000000000000000001")]),
    ("float", [0.10000000149011612, 16777215.0]),
    ("double", [0.1, 1e308, 5e-324, -1.2345678901234567e-308, 1.7976931348623157e308]),
    ("varchar(20) CHARACTER SET utf8mb4", ["", " ", "blank ", "Zoë 🌱", "a|b:c~", "o'clock \\ %s"]),
    ("varchar(20) CHARACTER SET latin1", ["Zoë €", "\x81\x8d", "Ã©"]),
    ("char(5) CHARACTER SET utf8mb4", ["ab", ""]),
    ("text CHARACTER SET utf8mb4", ["x" * 1000, "line\r\nend\0\x1a"]),
    ("varbinary(20)", [b"", b"\x00\xff'\\%s"]),
    ("binary(3)", [b"ab\x00"]),
    ("longblob", [b"\xf0\x9f" * 100]),
    ("date", [dt.date(1000, 1, 1), dt.date(1969, 7, 20), dt.date(9999, 12, 31), "0000-00-00"]),
    ("datetime", [dt.datetime(1000, 1, 1), "0000-00-00 00:00:00"]),  # noqa: DTZ001
    ("datetime(6)", [dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)]),  # noqa: DTZ001
    (
        "timestamp(6) NULL",
        [dt.datetime(2024, 3, 10, 7, 30, tzinfo=UTC), dt.datetime(2024, 11, 3, 5, 30, 0, 7, tzinfo=UTC)],
    ),
    (
        "time(6)",
        [dt.time(0, 0), dt.time(23, 59, 59, 999999), dt.timedelta(hours=30), dt.timedelta(hours=-838, microseconds=-1)],
    ),
    ("year", [1901, 2155]),
    ("json", [{"b": [1, 2.5, None, "ü"], "a": {}}, [], "null", '"text"']),
    ("enum('happy', 'it''s')", ["happy", "it's"]),
    ("set('a','b')", ["a,b", ""]),
    ("uuid", [uuid.UUID(int=7)]),
    ("inet6", ["::1"]),
]
SQLITE: list[tuple[str, list[Any]]] = [
    ("BOOLEAN", [True, False, None, 7]),
    ("INTEGER", [-(2**63), 2**63 - 1, "not a number"]),
    ("DECIMAL(10,2)", [Decimal("19.9"), Decimal(7), "n/a"]),
    ("REAL", [0.1, math.inf, 5e-324]),
    ("TEXT", ["", " ", "Zoë 🌱", "a\0b"]),
    ("BLOB", [b"", b"\0\xff"]),
    ("DATE", [dt.date(1969, 7, 20), dt.date(9999, 12, 31), "0000-00-00", "20.07.1969"]),
    ("DATETIME", [dt.datetime(1969, 7, 20, 20, 17), dt.datetime(2024, 3, 10, 7, 30, tzinfo=UTC), "soon", 1700000000]),  # noqa: DTZ001
    ("TIME", [dt.time(23, 59, 59, 999999)]),
    ("JSON", [{"a": [1, None]}, "null"]),
    ("UUID", [uuid.UUID(int=7)]),
    ("", ["anything", 7, b"x"]),
]
COLUMNS = {"postgresql": POSTGRESQL, "mariadb": MARIADB, "sqlite": SQLITE}


async def typed(kind: Kind) -> SqlStore:
    if kind.name == "postgresql":
        await kind.run("CREATE TYPE mood AS ENUM ('happy', 'it''s')", "CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    columns = [f"c{at} {type_name}" for at, (type_name, _) in enumerate(COLUMNS[kind.name])]
    await kind.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, {', '.join(columns)})")
    return await kind.store(columns=[f"c{at}" for at in range(len(columns))])


def samples(kind: Kind) -> list[tuple[int, str, Any]]:
    return [(at, name, value) for at, (name, values) in enumerate(COLUMNS[kind.name]) for value in values]


async def test_every_value_comes_out_as_it_went_in(kind: Kind) -> None:
    store = await typed(kind)
    wanted = dict(enumerate(samples(kind), 1))
    writes = [
        Write((key,), Operation.UPSERT, {"id": key, f"c{at}": value}, exists=False)
        for key, (at, _, value) in wanted.items()
    ]
    async with store.transaction() as ours:
        refused = {wanted[one.key[0]]: one for one in await ours.write(writes)}
        assert refused == {}
    async with store.snapshot() as snapshot:
        rows = await snapshot.rows([(key,) for key in wanted])
        chunk = await snapshot.chunk(None, 1000)
    for key, (at, name, value) in wanted.items():
        read = rows[(key,)].row[f"c{at}"]
        assert repr(read) == repr(value) or (read == value and type(read) is type(value)), (
            f"{name}: {value!r} came out as {read!r}"
        )
    assert [repr(chunk.stored(at)) for at in range(len(chunk))] == [repr(rows[(key,)]) for key in wanted]
    distinct = {rows[(key,)].hash for key in wanted}
    assert len(distinct) == len(wanted), "each row differs from the others in its key and in a value"


async def test_updates_keep_every_value_too(kind: Kind) -> None:
    store = await typed(kind)
    await kind.run(*(f"INSERT INTO t (id) VALUES ({key})" for key in range(1, len(samples(kind)) + 1)))
    wanted = dict(enumerate(samples(kind), 1))
    async with store.transaction() as ours:
        before = await ours.rows([(key,) for key in wanted])
        assert (
            await ours.write(
                [
                    Write((key,), Operation.UPSERT, {"id": key, f"c{at}": value})
                    for key, (at, _, value) in wanted.items()
                ]
            )
            == []
        )
        after = await ours.rows([(key,) for key in wanted])
    for key, (at, name, value) in wanted.items():
        assert repr(after[(key,)].row[f"c{at}"]) == repr(value) or after[(key,)].row[f"c{at}"] == value, name
        assert (after[(key,)].hash == before[(key,)].hash) == (value is None), f"{name}: NULL and {value!r}"


async def test_many_updates_at_once_keep_every_value(kind: Kind) -> None:
    store = await typed(kind)
    columns = COLUMNS[kind.name]
    least = 12
    for at, (name, values) in enumerate(columns):
        wanted = {key: values[key % len(values)] for key in range(100 * at, 100 * at + least)}
        await kind.run(*(f"INSERT INTO t (id) VALUES ({key})" for key in wanted))
        writes = [Write((key,), Operation.UPSERT, {"id": key, f"c{at}": value}) for key, value in wanted.items()]
        async with store.transaction() as ours:
            assert await ours.write(writes) == [], name
            rows = await ours.rows([(key,) for key in wanted])
        for key, value in wanted.items():
            read = rows[(key,)].row[f"c{at}"]
            assert repr(read) == repr(value) or (read == value and type(read) is type(value)), (
                f"{name}: {value!r} came out as {read!r}"
            )


async def test_a_load_leaves_the_values_that_a_write_leaves(postgresql: Kind) -> None:
    store = await typed(postgresql)
    for at, (name, values) in enumerate(POSTGRESQL):
        rows = [(100 * at + number, value) for number, value in enumerate(values)]
        keys = [(key,) for key, _ in rows]
        load = Load.of_rows(("id", f"c{at}"), rows, keys, [1] * len(rows), mapping_version=1)
        async with store.transaction() as ours:
            assert await ours.load(load), name
            loaded = await ours.rows(keys)
            writes = [Write((key,), Operation.UPSERT, {"id": key, f"c{at}": value}) for key, value in rows]
            assert await ours.write(writes) == [], name
            written = await ours.rows(keys)
        assert {key: repr(one) for key, one in loaded.items()} == {key: repr(one) for key, one in written.items()}, name


async def test_many_updates_at_once_reach_the_row_of_each_key_alone(kind: Kind) -> None:
    texts = ["Z", "a", "ab", "b", "ü€", "o'clock", "~"]
    keys: dict[str, list[Any]] = {"varchar(9)": texts, "bigint": [-(2**63), -1, 0, 1, 2**63 - 1]}
    if kind.name == "mariadb":
        keys = {
            "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": [*texts, "A", "🌱"],
            "varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci": texts,
            "char(9) CHARACTER SET latin1": texts,
            "bigint unsigned": [0, 1, 2**63, 2**64 - 2, 2**64 - 1],
            "uuid": [uuid.UUID(int=number) for number in range(1, 9)],
            "decimal(20,2)": [Decimal("-1.50"), Decimal("2.00"), Decimal("2.01"), Decimal("99999999999999999.99")],
        }
    for number, (type_name, values) in enumerate(keys.items()):
        await kind.run(f"CREATE TABLE k{number} (id {type_name} NOT NULL PRIMARY KEY, name varchar(90))")
        store = await kind.store(f"k{number}", sync=f"sync{number}")
        for name in ("first", "second"):
            writes = [Write((key,), Operation.UPSERT, {"id": key, "name": f"{name} {key!a}"}) for key in values]
            async with store.transaction() as ours:
                assert await ours.write(writes) == [], type_name
                rows = await ours.rows([(key,) for key in values])
        assert {key: stored.row["name"] for (key,), stored in rows.items()} == {
            key: f"second {key!a}" for key in values
        }


async def test_null_is_not_empty_and_parts_do_not_run_together(kind: Kind) -> None:
    await kind.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY, a varchar(20), b varchar(20), c varchar(20))")
    store = await kind.store(columns=("a", "b", "c"))
    texts = [None, "", "~", "1:x", "x|1:y", "|"]
    rows = [(a, b, c) for a in texts for b in texts for c in texts]
    writes = [Write((1,), Operation.UPSERT, {"id": 1, "a": a, "b": b, "c": c}) for a, b, c in rows]
    hashes = set()
    async with store.transaction() as ours:
        for write in writes:  # one row that takes every shape, so that the key is no part of the difference
            assert await ours.write([write]) == []
            hashes.add((await ours.rows([(1,)]))[(1,)].hash)
    assert len(hashes) == len(rows)


async def test_a_column_that_takes_null_since_the_store_was_opened_does_not_blur_rows(kind: Kind) -> None:
    types = {"a": "int", "b": "int", "c": "varchar(9)", "d": "varchar(9)"}
    client = await kind.client()
    columns = ", ".join(f"{name} {type_name} NOT NULL" for name, type_name in types.items())
    await client.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, {columns})")
    store = await kind.store(columns=tuple(types), ready=False)
    await client.run("DROP TABLE t")
    await client.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, {columns.replace(' NOT NULL', '')})")
    await client.run("INSERT INTO t (id) VALUES (1)")
    states = [
        (5, None, None, None),
        (None, 5, None, None),
        (5, None, "", None),
        (5, None, None, ""),
        (5, 0, None, None),
    ]
    hashes = []
    for state in states:
        values = ["NULL" if value is None else repr(value) for value in state]
        await client.run(f"UPDATE t SET {', '.join(map('='.join, zip('abcd', values, strict=True)))}")
        async with store.snapshot() as snapshot:
            hashes += (await snapshot.chunk(None, 10)).hashes
    assert len(set(hashes)) == len(states)


async def test_values_that_a_store_does_not_have_are_refused(kind: Kind) -> None:
    types = {
        "postgresql": ("int", "date", "text"),
        "mariadb": ("int", "date", "varchar(9)"),
        "sqlite": ("int", "real", "text"),
    }
    number, other, text = types[kind.name]
    await kind.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, n {number}, o {other}, s {text})")
    store = await kind.store(columns=("n", "o", "s"))
    bad: list[dict[str, Any]] = {
        "postgresql": [{"n": 2**31}, {"n": "x"}, {"o": "31.12.2024"}, {"s": "a\0b"}, {"s": 7}, {"s": "\ud800"}],
        "mariadb": [
            {"n": 2**31},
            {"n": "x"},
            {"o": "31.12.2024"},
            {"s": "\ud800"},
            {"n": math.inf},
            {"n": Decimal("NaN")},
        ],
        "sqlite": [{"n": 2**63}, {"o": math.nan}, {"s": "\ud800"}, {"s": dt.timedelta(1)}],
    }[kind.name]
    writes = [Write((at,), Operation.UPSERT, {"id": at, **row}) for at, row in enumerate(bad)]
    async with store.transaction() as ours:
        refused = await ours.write([*writes, Write((99,), Operation.UPSERT, {"id": 99, "s": "good"})])
    assert {one.key[0]: one.reason for one in refused} == dict.fromkeys(range(len(bad)), "type")
    assert not any(str(value) in one.detail for one in refused for value in ("31.12.2024", 2**31, 2**63)), refused
    assert await kind.run("SELECT id FROM t") == [(99,)]


KEYS: dict[str, dict[str, list[tuple[Any, ...]]]] = {
    "postgresql": {
        "text": [("Z",), ("a",), ("b ",), ("ä",), ("🌱",)],
        "char(4)": [("ab",), ("b",)],
        "numeric(6,2)": [(Decimal("-1.50"),), (Decimal("2.00"),)],
        "date": [(dt.date(1, 1, 1),), (dt.date(9999, 12, 31),)],
        "timestamptz": [(dt.datetime(2024, 11, 3, 5, 30, tzinfo=UTC),), (dt.datetime(2024, 11, 3, 6, 30, tzinfo=UTC),)],
        "uuid": [(uuid.UUID(int=5),), (uuid.UUID(int=6),)],
        "bytea": [(b"\0",), (b"\xff",)],
        "mood": [("happy",), ("it's",)],
    },
    "mariadb": {
        "varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin": [("Z",), ("a",), ("ä",), ("🌱",)],
        "varchar(9) CHARACTER SET latin1 COLLATE latin1_swedish_ci": [("Y",), ("a",), ("ü€",)],
        "char(4)": [("ab",), ("b",)],
        "bigint unsigned": [(0,), (2**64 - 1,)],
        "decimal(6,2)": [(Decimal("-1.50"),), (Decimal("2.00"),)],
        "date": [(dt.date(1000, 1, 1),), (dt.date(9999, 12, 31),)],
        "datetime(6)": [(dt.datetime(2024, 1, 1, 0, 0, 0, 1),), (dt.datetime(2024, 1, 1, 0, 0, 0, 2),)],  # noqa: DTZ001
        "uuid": [(uuid.UUID(int=5),), (uuid.UUID(int=6),)],
        "varbinary(4)": [(b"\0",), (b"\xff",)],
    },
    "sqlite": {
        "TEXT": [("Z",), ("a",), ("ä",), ("🌱",)],
        "TEXT COLLATE NOCASE": [("Y",), ("a",)],
        "DECIMAL(6,2)": [(Decimal("-1.5"),), (Decimal(2),)],
        "DATE": [(dt.date(1000, 1, 1),), (dt.date(9999, 12, 31),)],
        "UUID": [(uuid.UUID(int=5),), (uuid.UUID(int=6),)],
        "BLOB": [(b"\0",), (b"\xff",)],
    },
}


async def test_keys_of_every_type_are_found_paged_captured_and_kept_in_the_ledger(kind: Kind) -> None:
    from legacy_adapters.change import Entry

    if kind.name == "postgresql":
        await kind.run("CREATE TYPE mood AS ENUM ('happy', 'it''s')")
    for number, (type_name, keys) in enumerate(KEYS[kind.name].items()):
        table = f"k{number}"
        await kind.run(f"CREATE TABLE {table} (id {type_name} NOT NULL PRIMARY KEY, name varchar(20))")
        store = await kind.store(table, sync=f"sync{number}")
        async with store.snapshot() as snapshot:
            cursor = (await snapshot.changes(None, 9)).cursor
        async with store.transaction() as ours:
            assert await ours.write([Write(key, Operation.UPSERT, {"id": key[0], "name": "n"}) for key in keys]) == []
            await ours.record([Entry(key, key, 1, 1, None, 1) for key in keys])
            assert (
                set(await ours.entries(keys))
                == set(await ours.entries_by_target(keys))
                == set(await ours.rows(keys))
                == set(keys)
            ), type_name
        async with store.snapshot() as snapshot:
            paged, after = [], None
            while len(chunk := await snapshot.chunk(after, 1)):
                after = chunk.key(-1)
                paged.append(after)
            assert set(paged) == set(keys), type_name
            assert len(paged) == len(keys), type_name
            assert {change.key for change in (await snapshot.changes(cursor, 100)).changes} == set(keys), type_name
        async with store.audit() as audit:
            for listed in Listed:
                hashes = await audit.hashes(listed, None, None)
                assert list(hashes) == keys, f"{type_name}: {listed} in the order of bytes"
                halves = [await audit.checksum(listed, None, keys[0]), await audit.checksum(listed, keys[0], None)]
                assert sum(half.total for half in halves) == sum(hashes.values())
                assert [half.count for half in halves] == [1, len(keys) - 1]
                assert len(await audit.bounds(listed, None, None, 2)) == 1


async def test_composite_keys_are_paged_and_checked_in_order(kind: Kind) -> None:
    await kind.run("CREATE TABLE t (a int NOT NULL, b varchar(9) NOT NULL, name varchar(9), PRIMARY KEY (a, b))")
    store = await kind.store(key=("a", "b"))
    keys = [(a, b) for a in (1, 2, 3) for b in ("p", "q", "r")]
    async with store.transaction() as ours:
        assert (
            await ours.write([Write(key, Operation.UPSERT, {"a": key[0], "b": key[1], "name": "x"}) for key in keys])
            == []
        )
        assert set(await ours.rows([*keys, (9, "p")])) == set(keys)
    async with store.snapshot() as snapshot:
        paged, after = [], None
        while len(chunk := await snapshot.chunk(after, 2)):
            after = chunk.key(-1)
            paged += [chunk.key(at) for at in range(len(chunk))]
    assert paged == keys
    async with store.audit() as audit:
        whole = await audit.checksum(Listed.ROWS, None, None)
        bounds = await audit.bounds(Listed.ROWS, None, None, 3)
        edges = [None, *bounds, None]
        parts = [await audit.checksum(Listed.ROWS, low, high) for low, high in itertools.pairwise(edges)]
    assert len(bounds) == 2
    assert (whole.count, whole.total) == (sum(part.count for part in parts), sum(part.total for part in parts))


async def test_a_key_that_differs_in_case_alone_is_another_key(mariadb: Kind) -> None:
    await mariadb.run(
        "CREATE TABLE t (id varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY, name varchar(9))"
    )
    store = await mariadb.store()
    async with store.snapshot() as snapshot:
        cursor = (await snapshot.changes(None, 9)).cursor
    await mariadb.run("INSERT INTO t VALUES ('abc', 'x')", "UPDATE t SET id = 'ABC'")
    async with store.snapshot() as snapshot:
        changes = (await snapshot.changes(cursor, 9)).changes
        assert {change.key: change.stored is not None for change in changes} == {("abc",): False, ("ABC",): True}
        assert await snapshot.rows([("abc",)]) == {}


async def test_columns_that_the_store_fills_in_are_known_and_left_to_it(postgresql: Kind, mariadb: Kind) -> None:
    await postgresql.run(
        "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text DEFAULT 'x', "
        "twice text GENERATED ALWAYS AS (name || name) STORED)"
    )
    await mariadb.run(
        "CREATE TABLE t (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(9) DEFAULT 'x', "
        "twice varchar(18) AS (CONCAT(name, name)) STORED, at timestamp(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))"
    )
    for kind in (postgresql, mariadb):
        store = await kind.store(columns=("name", "twice"))
        columns = {column.name: column for column in store.shape.columns}
        assert (columns["id"].identity, columns["name"].has_default, columns["twice"].generated) == (True, True, True)
        async with store.transaction() as ours:
            assert (
                await ours.write([Write((key,), Operation.UPSERT, {"id": key, "name": "ab"}) for key in (0, 7)]) == []
            )
            assert {stored.row["twice"] for stored in (await ours.rows([(0,), (7,)])).values()} == {"abab"}
    assert {column.name for column in store.shape.columns if column.auto_update} == {"at"}


async def test_a_table_without_transactions_is_refused(mariadb: Kind) -> None:
    from legacy_adapters.errors import PlanError

    await mariadb.run("CREATE TABLE t (id int PRIMARY KEY, name varchar(9)) ENGINE=MyISAM")
    with pytest.raises(PlanError, match="ENGINE=InnoDB"):
        await mariadb.store()


async def test_reflection_says_what_columns_can_hold(mariadb: Kind, postgresql: Kind) -> None:
    await mariadb.run(
        "CREATE TABLE t (id int unsigned PRIMARY KEY, name char(9) CHARACTER SET latin1 COLLATE latin1_general_cs, "
        "price decimal(10,2) unsigned NOT NULL, d date, m enum('a','b'), j json)"
    )
    columns = {column.name: column for column in (await mariadb.store(columns=("name",))).shape.columns}
    assert columns["id"].integer_range == (0, 2**32 - 1)
    name = columns["name"]
    assert (name.length, name.fixed, name.charset, name.case_sensitive) == (9, True, "latin1", True)
    price = columns["price"]
    assert (price.precision, price.scale, price.unsigned, price.nullable) == (10, 2, True, False)
    assert (columns["d"].zero_dates, columns["m"].members, columns["j"].kind) == (True, ("a", "b"), ColumnFamily.JSON)
    await postgresql.run(
        "CREATE TABLE other (id int PRIMARY KEY)",
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(9) UNIQUE, at timestamptz(3), boss int REFERENCES other ON DELETE SET NULL)",
        "CREATE UNIQUE INDEX in_part ON t (name) WHERE id > 5",
    )
    shape = (await postgresql.store(columns=("name",))).shape
    at = shape.column("at")
    assert (at.kind, at.zoned, at.fraction) == (ColumnFamily.DATETIME, True, 3)
    assert [(key.table, key.referred_table, key.on_delete) for key in shape.references] == [
        ("t", "public.other", "SET NULL")
    ]
    assert {unique.name: unique.partial for unique in shape.uniques} == {"t_name_key": False, "in_part": True}
