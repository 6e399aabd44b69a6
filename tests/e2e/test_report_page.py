"""The HTML report in a real browser: asks nothing of the network, nobody's text does anything, and it fits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from shadow.reporting.model import Report
from shadow.reporting.rendering import FORMATS
from support.chromium import Chromium
from support.shadow_reports import empty_report, hostile_report, orders_report, shop_report
from support.waits import eventually

pytestmark = pytest.mark.needs("chromium")

REPORTS = [orders_report, shop_report, hostile_report, empty_report]
#: Text that is not told from its background by at least 4.5 to 1 (WCAG 2.2, 1.4.3), as `selector colour background`.
UNREADABLE = """(() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const bad = new Set();
  for (const node of document.body.querySelectorAll("*")) {
    if (![...node.childNodes].some(one => one.nodeType === 3 && one.data.trim())) continue;
    if (node.closest("script, style, svg")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) bad.add(node.tagName + "." + node.className + " " + getComputedStyle(node).color);
  }
  return [...bad];
})()"""


@pytest_asyncio.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with Chromium(tmp_path / "browser") as running:
        await running.call("Log.enable")
        yield running


async def show(browser: Chromium, folder: Path, report: Report, width: int = 1280, scheme: str = "light") -> None:
    page = folder / "report.html"
    page.write_bytes(FORMATS["html"][0](report))
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    await browser.call("Emulation.setDeviceMetricsOverride", **size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    await browser.call("Emulation.setEmulatedMedia", features=[feature])
    await browser.goto(page.as_uri())
    await browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")


async def test_page_asks_nothing_and_complains_of_nothing(browser: Chromium, tmp_path: Path) -> None:
    for make in REPORTS:
        await show(browser, tmp_path, make())
        await browser.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        assert await browser.evaluate("window.hacked === undefined")
    asked = [params["request"]["url"] for params in browser.seen("Network.requestWillBeSent")]
    assert set(asked) == {(tmp_path / "report.html").as_uri()}
    assert len(asked) == len(REPORTS)
    assert list(browser.seen("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")) == []


@pytest.mark.parametrize("make", REPORTS)
async def test_page_fits_on_a_phone_and_on_a_desk(
    browser: Chromium, tmp_path: Path, make: Callable[[], Report]
) -> None:
    for width in (320, 390, 1280):
        await show(browser, tmp_path, make(), width)
        assert await browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_can_be_read(browser: Chromium, tmp_path: Path, scheme: str) -> None:
    await show(browser, tmp_path, shop_report(), scheme=scheme)
    assert await browser.evaluate(UNREADABLE) == []


async def test_first_screen_says_it_in_one_sentence(browser: Chromium, tmp_path: Path) -> None:
    await show(browser, tmp_path, orders_report(), 390)
    assert await browser.evaluate("document.querySelector('.headline').textContent") == (
        "3 kinds of difference in 1.1\u00a0% of 5,261 compared requests; not ready"
    )
    assert await browser.evaluate("document.querySelector('.why').getBoundingClientRect().bottom < 900")


async def test_page_shows_everything_without_javascript(browser: Chromium, tmp_path: Path) -> None:
    await browser.call("Emulation.setScriptExecutionDisabled", value=True)
    page = tmp_path / "report.html"
    page.write_bytes(FORMATS["html"][0](orders_report()))
    loads = sum(1 for _ in browser.seen("Page.loadEventFired"))
    await browser.call("Page.navigate", url=page.as_uri())
    await eventually(lambda: sum(1 for _ in browser.seen("Page.loadEventFired")) > loads)
    await browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert await browser.evaluate("document.querySelectorAll('button').length") == 0
    assert await browser.evaluate("document.querySelectorAll('.kind').length") == 3
    assert "tolerance" in await browser.evaluate("document.querySelector('.rule pre').textContent")


async def test_differing_characters_are_marked(browser: Chromium, tmp_path: Path) -> None:
    await show(browser, tmp_path, orders_report())
    marks = await browser.evaluate(
        "[...document.querySelectorAll('.pair mark')].slice(0, 2).map(one => one.textContent)"
    )
    assert marks == ["575", "6"]
