"""The example shop's stores where others write to them, too: what fails leaves no transaction open."""

from __future__ import annotations

import asyncio
import importlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))


def wanted() -> list[tuple[Any, int]]:
    return [(item, 1) for item in importlib.import_module("shop.seed").ITEMS[:2]]


@contextmanager
def written_by_another(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("UPDATE orders SET total_cents = 7 WHERE id = 1")
        db.execute("COMMIT")


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Any]:
    """The orders service's store, which waits for nobody."""
    opened = await importlib.import_module("shop.orders.store").Store.open(tmp_path / "orders.db")
    await opened._db.execute("PRAGMA busy_timeout=50")
    yield opened
    await opened.close()


async def test_order_is_placed_again_once_the_file_is_free(store: Any, tmp_path: Path) -> None:
    with written_by_another(tmp_path / "orders.db"):
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await store.place(1, wanted())
        assert await store.get(1) is not None
    number = await store.place(1, wanted())
    assert len((await store.get(number))["lines"]) == 2
    assert (await store.get(1))["total_cents"] == 7


async def test_client_that_leaves_while_its_order_is_written_leaves_half_of_none(store: Any, tmp_path: Path) -> None:
    before = await store.newest(1)
    placing = asyncio.create_task(store.place(1, wanted()))
    while not placing.done():
        placing.cancel()
        await asyncio.sleep(0)
    assert await store.newest(1) == before
    assert not store._db.in_transaction
    with written_by_another(tmp_path / "orders.db"):
        pass


async def test_orders_that_are_placed_at_once_are_all_whole(store: Any) -> None:
    numbers = await asyncio.gather(*(store.place(1, wanted()) for _ in range(10)))
    assert len(set(numbers)) == 10
    assert [len((await store.get(number))["lines"]) for number in numbers] == [2] * 10


def test_monolith_leaves_no_transaction_open(tmp_path: Path) -> None:
    store = importlib.import_module("shop.legacy.store").Store(tmp_path / "legacy.db")
    line = {"ITEM_CD": "FIC-AUR", "ITEM_DESC": "Strangler fig", "QTY": 1, "UNIT_AMT": "8900"}
    with pytest.raises(sqlite3.Error):
        store.place_order(1, [{**line, "ITEM_DESC": None}])
    assert not store._db.in_transaction
    assert store.order(store.place_order(1, [line])) is not None
    store.close()
