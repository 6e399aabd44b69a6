"""Rows that no store should have, on their way to one that cannot keep them: each waits for a person, the rest flows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

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
    there = {row[0] for row in await kind.run("SELECT id FROM t")}
    assert good.keys() <= there
    assert len(there) + len(held) == len(good) + len(POISON)
