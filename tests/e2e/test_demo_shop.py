"""The example shop through the proxy: a real browser buys a plant, and the demo's own traffic finds no failure."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.chromium import Chromium
from support.shop_demo import START_TIMEOUT_S, STOP_TIMEOUT_S, ShopDemo

INSIDE = "127.0.0.1"  # where every part of the shop lives; the browser is told `localhost`

PLACE_ORDER = """fetch("/api/orders", {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({CUST_NO: "000001", LINES: [{ITEM_CD: "ALO-VER", QTY: "1"}]})}).then(answer => answer.json())"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopDemo]:
    """The demo without traffic."""
    with ShopDemo(tmp_path_factory.mktemp("shop"), "--no-traffic") as demo:
        yield demo


@pytest.mark.needs("chromium")
async def test_browser_logs_in_buys_and_never_sees_the_inside(shop: ShopDemo, tmp_path: Path) -> None:
    async with Chromium(tmp_path) as browser:
        await browser.goto(f"{shop.url}/")
        documents = [await _log_in(browser)]
        documents += await _buy(browser, "FIC-AUR")
        await _see_the_ticker_move(browser)
        assert [text for text in documents if INSIDE in text] == []
        assert [text for text in _everything_on_the_wire(browser) if INSIDE in text] == []


@pytest.mark.needs("chromium")
async def test_browser_keeps_the_session_cookie_on_the_host_it_asked(shop: ShopDemo, tmp_path: Path) -> None:
    async with Chromium(tmp_path) as browser:
        await browser.goto(f"{shop.url}/login")
        cookies = (await browser.call("Network.getCookies"))["cookies"]
        assert {cookie["name"]: cookie["domain"] for cookie in cookies} == {"SHOPSESSID": "localhost"}


def test_demo_with_traffic_ends_by_itself_without_a_failed_request(tmp_path: Path) -> None:
    demo = ShopDemo(tmp_path, "--for=6s")
    process = demo.start()
    code = process.wait(START_TIMEOUT_S)
    assert code == 0, demo.log.read_text()
    assert " 0 failed" in demo.log.read_text()
    assert "in step; in quarantine: customer 2, customer 3" in demo.log.read_text()
    assert open_quarantine(tmp_path / "demo") == {
        ("customers_to_new", "[2]", "conflict"),
        ("customers_to_legacy", "[2]", "conflict"),
        ("customers_to_new", "[3]", "mapping"),
    }


def test_demo_says_which_port_is_taken(tmp_path: Path) -> None:
    demo = ShopDemo(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        demo.ports["SHOP_LEGACY_PORT"] = taken = other.getsockname()[1]
        code = demo.start().wait(STOP_TIMEOUT_S)
    assert code == 2
    assert f"port {taken} (legacy)" in demo.log.read_text()


def open_quarantine(folder: Path) -> set[tuple[str, str, str]]:
    """What waits for a person in the demo's stores: sync and direction, key, reason."""
    found: set[tuple[str, str, str]] = set()
    for name in ("legacy", "customers", "orders"):
        with closing(sqlite3.connect(folder / f"{name}.db")) as db:
            sql = "SELECT ledger, source_key, reason FROM strangler_quarantine WHERE resolved_at IS NULL"
            found |= {(ledger.removeprefix("strangler_ledger_"), key, why) for ledger, key, why in db.execute(sql)}
    return found


async def _log_in(browser: Chromium) -> str:
    await browser.click("a[href='/login']")
    await browser.arrived("/login")
    await browser.fill("input[name=email]", "demo@example.com")
    await browser.fill("input[name=password]", "fig")
    await browser.click("form[action='/login'] button")
    document = await browser.arrived("/orders")
    assert 'id="who"' in document
    return document


async def _buy(browser: Chromium, item: str) -> list[str]:
    await browser.click("a[href='/']")
    home = await browser.arrived("/")
    await browser.click(f"button[data-item='{item}']")
    cart = await browser.arrived("/cart")
    assert "Strangler fig" in cart
    await browser.click("#checkout")
    thanks = await browser.arrived(r"/orders/\d+/thanks")
    order = await browser.arrived(r"/orders/\d+")  # the Refresh header moves on
    assert "Strangler fig" in order
    return [home, cart, thanks, order]


async def _see_the_ticker_move(browser: Chromium) -> None:
    await browser.until("document.getElementById('ticker').classList.contains('live')")
    placed = await browser.evaluate(PLACE_ORDER)
    await browser.until(f"document.getElementById('ticker-text').textContent.includes({json.dumps(placed['ORD_NO'])})")


def _everything_on_the_wire(browser: Chromium) -> Iterator[str]:
    """Each URL that the browser asked for and each response header that it was given."""
    for params in browser.seen("Network.requestWillBeSent"):
        yield params["request"]["url"]
        yield json.dumps(params.get("redirectResponse", {}).get("headers"))
    for params in browser.seen("Network.webSocketCreated"):
        yield params["url"]
    for params in browser.seen("Network.responseReceived"):
        yield params["response"]["url"]
    for params in browser.seen("Network.responseReceivedExtraInfo"):
        yield json.dumps(params["headers"])
