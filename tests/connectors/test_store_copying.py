"""A first copy into PostgreSQL by COPY: the very values that a careful write leaves there."""

from __future__ import annotations

import asyncio
import datetime as dt
import tracemalloc
from typing import Any

import pytest

from legacy_adapters.change import Entry, Load
from legacy_adapters.sql.postgresql import copying
from legacy_adapters.values.kinds import ColumnKind
from legacy_adapters.values.kinds import Kind as ValueKind
from support.sync_stores import Kind


async def test_whatever_a_text_holds_comes_out_of_a_load_as_it_was(postgresql: Kind) -> None:
    await postgresql.run("CREATE TABLE t (id int PRIMARY KEY, a text, b text, j jsonb, raw bytea)")
    store = await postgresql.store(columns=("a", "b", "j", "raw"))
    texts: list[Any] = [None, "", "\\N", "\\.", "\t", "\n", "\r\n", "\\t", "a\\", "\b\f\v", "NULL", "€🌱", "x" * 70_000]
    rows = [(at, text, texts[-at], {"t": text}, (text or "").encode()) for at, text in enumerate(texts)]
    load = Load.of_rows(
        ("id", "a", "b", "j", "raw"), rows, [(at,) for at in range(len(rows))], [1] * len(rows), mapping_version=1
    )
    async with store.transaction() as ours:
        assert await ours.load(load)
        found = await ours.rows([(at,) for at in range(len(rows))])
    assert [tuple(found[(at,)].row.values()) for at in range(len(rows))] == rows


@pytest.mark.parametrize("bad", ["half \ud800", "null \0 byte"])
async def test_a_text_that_cannot_be_sent_leaves_the_transaction_usable(postgresql: Kind, bad: str) -> None:
    await postgresql.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    store = await postgresql.store(columns=("a",))
    async with asyncio.timeout(20), store.transaction() as ours:
        assert not await ours.load(
            Load.of_rows(("id", "a"), [(1, "x"), (2, bad)], [(1,), (2,)], [1, 1], mapping_version=1)
        )
        assert not await ours.load(
            Load.of_rows(("id", "a"), [(1, "x"), (2, 7)], [(1,), (2,)], [1, 1], mapping_version=1)
        )
        assert await ours.load(Load.of_rows(("id", "a"), [(1, "x")], [(1,)], [1], mapping_version=1))
    assert await postgresql.run("SELECT id, a FROM t") == [(1, "x")]


async def test_a_load_that_was_written_out_ahead_is_the_same_load(postgresql: Kind) -> None:
    await postgresql.run("CREATE TABLE t (id int PRIMARY KEY, day date, at timestamptz)")
    store = await postgresql.store(columns=("day", "at"))
    day, moment = dt.date(1970, 1, 1), dt.datetime(2020, 2, 29, 23, 59, tzinfo=dt.UTC)
    rows: list[tuple[Any, ...]] = [(1, day, moment), (2, None, None), (3, "infinity", moment), (4, day, None)]
    load = Load.of_rows(("id", "day", "at"), rows, [(row[0],) for row in rows], [1] * 4, mapping_version=1)
    ahead = await store.write_out(load)
    assert ahead.written
    assert ahead.values == load.values
    async with store.transaction() as ours:
        assert await ours.load(ahead)
        found = await ours.rows([(row[0],) for row in rows])
    assert [tuple(found[(row[0],)].row.values()) for row in rows] == rows


async def test_dates_that_come_and_go_are_never_taken_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_MEMORY_MAX", 2000)
    writer, column = copying.Writer(), ColumnKind("at", ValueKind.DATETIME)
    for hour in range(200):
        days = [dt.datetime(2020, 1, 1 + day % 7, hour % 24, tzinfo=dt.UTC) for day in range(30)]  # gone afterwards
        assert writer.columns([column], [[*days, None]]) == [[*(day.isoformat(" ") for day in days), "\\N"]]


def test_long_texts_in_a_column_of_dates_are_not_remembered() -> None:
    writer, column = copying.Writer(), ColumnKind("at", ValueKind.DATETIME)
    tracemalloc.start()
    try:
        for number in range(100):
            text = f"{number}\t" * 50_000
            assert writer.columns([column], [[text, None]]) == [[text.replace("\t", "\\t"), "\\N"]]
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1 << 20


async def test_a_row_that_cannot_be_written_out_is_left_to_the_load(postgresql: Kind) -> None:
    await postgresql.run("CREATE TABLE t (id int PRIMARY KEY, a text)")
    store = await postgresql.store(columns=("a",))
    for bad in ("half \ud800", 7):
        load = Load.of_rows(("id", "a"), [(1, "x"), (2, bad)], [(1,), (2,)], [1, 1], mapping_version=1)
        assert await store.write_out(load) == load


async def test_rows_that_come_into_room_that_was_freed_have_their_lines_too(postgresql: Kind) -> None:
    await postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text)",
        "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i",
        "DELETE FROM t WHERE id < 1900",
    )
    await postgresql.run("VACUUM t")
    store = await postgresql.store(columns=("a",))

    def load(keys: range) -> Load:
        rows = [(key, "y" * 500) for key in keys]
        return Load.of_rows(("id", "a"), rows, [(row[0],) for row in rows], [7] * len(rows), mapping_version=1)

    async with store.transaction() as ours:
        assert await ours.load(load(range(5000, 6000)))
    (blocks,) = (await postgresql.run("SELECT count(*) FROM t WHERE id >= 5000 AND ctid < '(100,0)'"))[0]
    assert blocks > 500, "rows have gone where there was room"
    async with store.transaction() as ours:
        assert not await ours.load(load(range(5900, 6100))), "some are there"
        assert await ours.load(load(range(6000, 6100)))
        entries = await ours.entries([(key,) for key in range(5000, 6100)])
        rows = await ours.rows([(key,) for key in range(5000, 6100)])
    assert {key: entry.target_hash for key, entry in entries.items()} == {key: row.hash for key, row in rows.items()}
    assert len(entries) == 1100


async def test_a_line_that_is_known_already_refuses_a_load_into_room_that_was_freed(postgresql: Kind) -> None:
    await postgresql.run(
        "CREATE TABLE t (id int PRIMARY KEY, a text)",
        "INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i",
        "DELETE FROM t WHERE id < 1900",
    )
    await postgresql.run("VACUUM t")
    store = await postgresql.store(columns=("a",))
    rows = [(key, "y" * 500) for key in range(5000, 5100)]
    load = Load.of_rows(("id", "a"), rows, [(row[0],) for row in rows], [7] * len(rows), mapping_version=1)
    async with store.transaction() as ours:
        await ours.record([Entry((5050,), (9999,), 1, 1, None, 1, tombstone=True, generation=1)], as_given=True)
    async with store.transaction() as ours:
        assert not await ours.load(load)
        assert not await ours.rows([(5000,)])
