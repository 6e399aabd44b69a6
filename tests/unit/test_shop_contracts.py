"""The example shop: both arms of its routes say the same of the seeded records, so that a difference is a finding."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import random
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = (1, 2, 3, 500, 1200)

Client = TestClient[web.Request, web.Application]
Start = Callable[[str], Awaitable[Client]]


@pytest.fixture(autouse=True)
def _examples_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))


@pytest.fixture
def start(tmp_path: Path, aiohttp_client: Any) -> Start:
    """Starts one of the shop's servers on a store of its own."""

    async def started(name: str) -> Client:
        make_app = importlib.import_module(f"shop.{name}.app").make_app
        client: Client = await aiohttp_client(TestServer(make_app("http://inside:1", tmp_path / f"{name}.db")))
        return client

    return started


async def answers(client: Client, *paths: str) -> list[Any]:
    return [await (await client.get(path)).json() for path in paths]


async def test_customers_service_answers_in_the_contract_of_the_monolith(start: Start) -> None:
    legacy, new = await start("legacy"), await start("customers")
    old_paths = [*(f"/api/customers/{number}" for number in SAMPLE), "/api/customers?page=7"]
    new_paths = [path.replace("/api/", "/compat/") for path in old_paths]
    assert await answers(legacy, *old_paths) == await answers(new, *new_paths)


async def test_orders_service_answers_in_the_contract_of_the_monolith(start: Start) -> None:
    legacy, new = await start("legacy"), await start("orders")
    old_paths = [f"/api/orders/{number}" for number in SAMPLE]
    new_paths = [path.replace("/api/", "/compat/") for path in old_paths]
    assert await answers(legacy, *old_paths) == await answers(new, *new_paths)


async def test_numbers_of_new_orders_never_meet_those_of_the_monolith(start: Start) -> None:
    new = await start("orders")
    order = {"customer_id": 1, "lines": [{"sku": "FIC-AUR", "quantity": 2}]}
    placed = [await (await new.post("/v2/orders", json=order)).json() for _ in range(2)]
    assert [(one["id"], one["total_cents"]) for one in placed] == [(1_000_000, 17_800), (1_000_001, 17_800)]


@pytest.mark.parametrize("name", ["legacy", "orders"])
async def test_order_that_makes_no_sense_is_refused_and_not_a_crash(start: Start, name: str) -> None:
    client = await start(name)
    path = "/api/orders" if name == "legacy" else "/v2/orders"
    statuses = [(await client.post(path, data=body)).status for body in ("", "[]", "{", '{"CUST_NO": "x"}')]
    assert statuses == [400, 400, 400, 400]


def test_examples_in_the_docstrings_hold() -> None:
    package = importlib.import_module("shop")
    names = [
        info.name for info in pkgutil.walk_packages(package.__path__, "shop.") if not info.name.endswith("__main__")
    ]
    results = [doctest.testmod(importlib.import_module(name)) for name in names]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


def test_demo_finds_records_that_are_not_in_step(tmp_path: Path) -> None:
    prepare = importlib.import_module("shop.stores").prepare
    differing = importlib.import_module("shop.instep").differing
    for name in ("legacy", "customers", "orders"):
        prepare(tmp_path / f"{name}.db", importlib.import_module(f"shop.{name}.store")._fill)
    assert differing(tmp_path) == set()
    with closing(sqlite3.connect(tmp_path / "customers.db")) as db, db:
        db.execute("UPDATE customers SET city = 'Elsewhere' WHERE id = 7")
    with closing(sqlite3.connect(tmp_path / "orders.db")) as db, db:
        db.execute("DELETE FROM order_lines WHERE order_id = 5 AND line_no = 1")
    assert differing(tmp_path) == {("customer", 7), ("order line", 5, 1)}


def test_nobody_logs_in_with_an_address_that_clerks_have_changed() -> None:
    people = importlib.import_module("shop.visitors.people")
    clerk = importlib.import_module("shop.clerk")
    lowest = min(people.account_number(random.Random(number)) for number in range(20_000))
    assert lowest == clerk.CONFLICT + 1
