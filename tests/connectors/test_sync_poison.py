"""Rows that no store should have, on their way to one that cannot keep them: each waits for a person, the rest flows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from legacy_adapters.engine.operations import Operations
from legacy_adapters.verify.finding import Fault
from legacy_adapters.verify.verifying import Plan, Verification
from support.sync_stores import Kind
from support.sync_way import configured, opened_way

POISON = {
    "a\0b": ("nul in key", None),
    "k" * 3000: ("long key", None),
    "ok-nul": ("a\0b", None),
    "ok-blob": ("big", b"x" * (17 << 20)),
    "ok-long": ("n" * 300, None),
    "zero": (0, None),
    "inf": (float("inf"), None),
    "bytes": (b"\xff\xfe", None),
}


def fill(url: str, rows: dict[str, tuple[object, object]]) -> None:
    with sqlite3.connect(make_url(url).database or "") as native:
        native.executemany("INSERT INTO t VALUES (?, ?, ?)", [(key, *row) for key, row in rows.items()])


@pytest.mark.parametrize("live", [True, False], ids=["live", "copied"])
async def test_poison_of_all_kinds_is_held_and_the_rest_goes_on(
    kind: Kind, sqlite: Kind, live: bool, tmp_path: Path
) -> None:
    blob = {"mariadb": "longblob", "postgresql": "bytea", "sqlite": "blob"}[kind.name]
    await sqlite.run("CREATE TABLE t (id text NOT NULL PRIMARY KEY, name text, data blob)")
    key = "varchar(700) CHARACTER SET latin1" if kind.name == "mariadb" else "text"
    await kind.run(f"CREATE TABLE t (id {key} NOT NULL PRIMARY KEY, name varchar(250), data {blob})")
    good = {f"good{number}": (f"n{number}", b"x") for number in range(60)}
    sync = configured(sqlite, kind, fields=[{"legacy": one, "new": one} for one in ("id", "name", "data")])
    if not live:
        fill(sqlite.url, {**POISON, **good})
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        if live:
            fill(sqlite.url, {**POISON, **good})
        await way.follow()
        held = await way.direction.writes.quarantine(resolved=False, after=0, limit=100)
        verification = Verification(way.direction, pause_s=0.0, plan=Plan(sample_rows=None))
        faults = {finding.fault async for finding in verification.run()}
        assert faults <= {Fault.HELD}
        operations = Operations([way.stream])
        assert await operations.drop("to_new", [one.source_key for _, one in held], by="ann") == len(held)
    there = {row[0] for row in await kind.run("SELECT id FROM t")}
    assert good.keys() <= there
    assert len(there) + len(held) == len(good) + len(POISON)


MAPPING = """
import decimal, sys

def deep():
    found = {}
    for _ in range(10_000):
        found = {"a": found}
    return found

MADE = {
    "bytes": lambda: {"a": b"x"}, "decimal": lambda: {"a": decimal.Decimal(1)}, "deep": deep, "number": lambda: 5,
    "nan": lambda: float("nan"), "inside": lambda: {"a": float("nan")}, "object": object, "exit": lambda: sys.exit(3),
}

def make(value):
    return MADE[value]() if value in MADE else value
"""


async def copied(source: Kind, target: Kind, type_name: str, values: list[str], folder: Path) -> dict[int, str]:
    """Reasons of what was held, by key, after rows of these texts went through the mapping into such a column."""
    (folder / "mapping.py").write_text(MAPPING)
    await source.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name text)")
    await target.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, name {type_name})")
    for number, value in enumerate(values):
        await source.run(f"INSERT INTO t VALUES ({number}, '{value}')")
    fields = [{"legacy": "id", "new": "id"}, {"legacy": "name", "new": "name", "to_new": "mapping:make"}]
    async with opened_way(configured(source, target, fields=fields), folder) as way:
        await way.copy()
        await source.run("UPDATE t SET name = name || ''")
        await way.follow()
        held = await way.direction.writes.quarantine(resolved=False, after=0, limit=100)
    assert all("secret" not in one.detail for _, one in held)
    return {int(one.source_key[0]): one.reason for _, one in held}


async def test_what_a_function_makes_of_json_that_is_none_is_held(
    postgresql: Kind, sqlite: Kind, tmp_path: Path
) -> None:
    values = ["bytes", "decimal", "deep", "number", "nan", "inside", "object", "exit", '{"fine": 1}']
    held = await copied(sqlite, postgresql, "jsonb", values, tmp_path)
    assert held == {0: "type", 1: "type", 2: "type", 4: "mapping", 5: "type", 6: "mapping", 7: "mapping"}
    assert await postgresql.run("SELECT name #>> '{}' FROM t ORDER BY id") == [("5",), ('{"fine": 1}',)]


@pytest.mark.parametrize(
    ("type_name", "held"),
    [
        ("bit(4)", {1, 2, 3}),
        ("varchar(4)[]", {0, 1, 2, 3}),
        ("tsvector", {1}),
        ("money", {1, 2}),
        ("inet", {0, 1, 2, 3}),
    ],
)
async def test_a_type_that_is_not_known_here_cuts_nothing_and_says_no_value(
    postgresql: Kind, sqlite: Kind, tmp_path: Path, type_name: str, held: set[int]
) -> None:
    values = ["1010", "secret ''x", "{abcdefgh}", "10101"]
    assert set(await copied(sqlite, postgresql, type_name, values, tmp_path)) == held


LOADED = [
    "\\", "\\N", "\\.", "a\tb", "a\nb", "a\r\nb", "end\\", "\\n", "NULL", "", " ", "trailing ", "'", "''", '"', "`", "%s",
    "%(x)s", ":x", "$1", "{0}", ";--", "/*", "*/", "#", "\x01\x1a\x7f", "\u2028", "e\u0301", "é", "😀", "\ufeffbom",
    "x'ff'", "0x41", "1e5", "true", "\\x41", "{}", "[]", "t", "f", "infinity", "0000-00-00",
]  # fmt: skip


async def test_texts_that_mean_something_to_a_loader_arrive_as_they_are(
    kind: Kind, sqlite: Kind, tmp_path: Path
) -> None:
    await sqlite.run("CREATE TABLE s (id int NOT NULL PRIMARY KEY, name text, data blob)")
    text, blob = ("text CHARACTER SET utf8mb4", "blob") if kind.name == "mariadb" else ("text", "bytea")
    await kind.run(f"CREATE TABLE t (id int NOT NULL PRIMARY KEY, name {text}, data {blob})")

    def put(turn: int) -> None:
        turned = LOADED[turn:] + LOADED[:turn]
        with sqlite3.connect(make_url(sqlite.url).database or "") as native:
            rows = [(at, one, one.encode() + bytes([at, 0, 255])) for at, one in enumerate(turned)]
            native.executemany("REPLACE INTO s VALUES (?, ?, ?)", [*rows, (len(rows), None, None)])

    def same(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        return [tuple(bytes(one) if isinstance(one, memoryview | bytearray) else one for one in row) for row in rows]

    put(0)
    fields = [{"legacy": one, "new": one} for one in ("id", "name", "data")]
    sync = configured(sqlite, kind, legacy={"url": sqlite.url, "table": "s", "key": ["id"]}, fields=fields)
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        for turn in (0, 1, 7):
            put(turn)
            await way.follow()
            copied_rows = await kind.run("SELECT id, name, data FROM t ORDER BY id")
            assert same(copied_rows) == await sqlite.run("SELECT id, name, data FROM s ORDER BY id")
