"""A first copy into PostgreSQL by COPY: the very values that a careful write leaves there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from legacy_adapters.change import Load
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
