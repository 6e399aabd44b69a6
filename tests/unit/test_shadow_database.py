"""Processes that write to one SQLite file at once: they wait for each other, and say so where that takes too long."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from shadow.errors import StoreError
from shadow.keeping import database as module
from shadow.keeping.store import ShadowStore


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest_asyncio.fixture
async def store(file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ShadowStore]:
    monkeypatch.setattr(module, "BUSY_S", 0.05)
    monkeypatch.setattr(module, "WRITE_S", 0.2)
    opened = await ShadowStore.open(f"sqlite:///{file}")
    yield opened
    await opened.close()


@pytest.fixture
def other(store: ShadowStore, file: Path) -> Iterator[sqlite3.Connection]:
    """Another process, so to say, that has the write lock."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


async def test_who_writes_for_too_long_is_not_waited_for_any_longer_and_that_is_said(store, other):
    with pytest.raises(StoreError, match="another process keeps the database locked") as caught:
        await store.probe()
    assert caught.value.reason == "busy"
    other.execute("COMMIT")
    await store.probe()


async def test_a_writer_is_waited_for_several_times(store, other, monkeypatch):
    monkeypatch.setattr(module, "WRITE_S", 20.0)
    probing = asyncio.create_task(store.probe())
    done, _ = await asyncio.wait([probing], timeout=6 * module.BUSY_S)
    assert not done
    other.execute("COMMIT")
    await asyncio.wait_for(probing, 10)


async def test_waiting_can_be_cancelled(store, other, monkeypatch):
    monkeypatch.setattr(module, "WRITE_S", 1e9)
    probing = asyncio.create_task(store.probe())
    await asyncio.wait([probing], timeout=2 * module.BUSY_S)
    probing.cancel()
    done, _ = await asyncio.wait([probing], timeout=10)
    assert done
    assert probing.cancelled()
    other.execute("COMMIT")
    await store.probe()


async def test_a_store_that_is_as_it_should_be_is_opened_and_read_whoever_writes(store, other, file):
    second = await ShadowStore.open(f"sqlite:///{file}")
    assert await second.rules() == (0, {})
    await second.close()


async def test_nothing_is_written_while_something_must_not_be_disturbed(store):
    async with store.database.undisturbed():
        probing = asyncio.create_task(store.probe())
        done, _ = await asyncio.wait([probing], timeout=0.1)
        assert not done
    await asyncio.wait_for(probing, 10)


async def test_a_probe_leaves_nothing(store, file):
    await store.probe()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM shadow_streams").fetchone() == (0,)
