"""The demo's route in shadow: its report finds the six mistakes of the new service, and nothing else."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shadow.reporting.rendering import from_json
from support.poll import poll
from support.shop_demo import ROOT, ShopDemo
from support.strangler_command import Finished, strangler

#: (place, kind, relation) of every mistake in `examples/shop/orders/invoices.py`.
MISTAKES = {
    ("/LINES/*/TAX_AMT", "value", "rounded:2"),
    ("/ISSUED_TS", "value", "time_shifted:-5:00"),
    ("/DUE_DT", "missing", ""),
    ("/CURR", "moved", "renamed:CURRENCY"),
    ("/LINES", "order", "reordered"),
    ("/PAY_ID", "value", ""),
}
#: What moves by itself.
NOISE = {"/SENT_BY", "/PRINTED_TS", "/REQ_ID"}
TOKEN = "look-around"
COMPARED_MIN = 100
#: By so many answers noise is told from mistakes; some hundred are enough.
COMPARED_MAX = 2_000
STANDSTILL_S = 60.0
IN_ALL_S = 480.0
#: A report costs the control process as much as some requests: it is not asked for without a pause.
LOOK_EVERY_S = 0.5


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopDemo]:
    with ShopDemo(tmp_path_factory.mktemp("demo"), "--rate=120") as running:
        yield running


def control(demo: ShopDemo) -> str:
    return f"127.0.0.1:{demo.ports['SHOP_CONTROL_PORT']}"


def command(demo: ShopDemo, *arguments: str) -> Finished:
    return strangler(ROOT, *arguments, "--control", control(demo), "--token", TOKEN)


def read_route(demo: ShopDemo) -> dict[str, Any]:
    connection = http.client.HTTPConnection(control(demo), timeout=20)
    try:
        connection.request("GET", "/api/report?route=invoices&since=1h", headers={"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, body
    finally:
        connection.close()
    route: dict[str, Any] = body["routes"][0]
    return route


def kinds(route: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["pattern"], one["kind"], one["relation"]) for one in route["clusters"]}


@pytest.fixture(scope="module")
def route(demo: ShopDemo) -> dict[str, Any]:
    """The report, once enough was compared and what was learned of noise is stored.

    What takes time is traffic, and how fast that flows is the machine's business: so the wait is for answers that were
    compared, and its end is a number of those, or that none is compared any more.
    """
    progress = Progress()

    def read() -> dict[str, Any] | None:
        demo.check()
        now = read_route(demo)
        compared = now["coverage"]["compared"]
        if compared >= COMPARED_MIN and now["keys"] and kinds(now) == MISTAKES:
            return now
        progress.reach(compared)
        return None

    try:
        found = poll(read, "the report does not say what is wrong with the new service", IN_ALL_S, LOOK_EVERY_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{command(demo, 'report', 'invoices').stdout}") from None
    assert found is not None
    return found


class Progress:
    """Answers that were compared: fails where their number stands still, or is enough for anything."""

    def __init__(self) -> None:
        self._compared = 0
        self._at = time.monotonic()

    def reach(self, compared: int) -> None:
        """Take the number as it is now."""
        now = time.monotonic()
        if compared > self._compared:
            self._compared, self._at = compared, now
        assert compared < COMPARED_MAX, f"{compared} answers were compared, and the report is still another one"
        assert now - self._at < STANDSTILL_S, f"nothing was compared for {STANDSTILL_S:.0f} s, after {compared} answers"


def test_report_has_exactly_the_mistakes_of_the_new_service(route: dict[str, Any]) -> None:
    assert kinds(route) == MISTAKES
    assert route["clusters_more"] == 0
    assert route["headline"].startswith("6 kinds of difference in ")
    assert route["judgement"]["state"] == "not_ready"


def test_noise_is_no_difference(route: dict[str, Any]) -> None:
    flagged = {key["pattern"] for key in route["keys"] if key["flagged"]}
    assert not flagged & NOISE
    assert {one["pattern"] for one in route["settled"]} <= NOISE


def test_wrong_payments_are_found_through_the_bijection_alone(route: dict[str, Any]) -> None:
    (wrong,) = (one for one in route["clusters"] if one["pattern"] == "/PAY_ID")
    (rule,) = route["rules"]
    assert wrong["exchanges"]["count"] < route["coverage"]["compared"] / 2
    assert (rule["kind"], rule["state"]) == ("bijection", "used")


def test_what_was_mirrored_adds_up(route: dict[str, Any]) -> None:
    coverage = route["coverage"]
    assert coverage["mirrored"] == coverage["compared"] + sum(one["count"] for one in coverage["left_out"])
    assert [one["name"] for one in coverage["media"]] == ["json"]


def test_examples_of_the_report_are_kept_exchanges(demo: ShopDemo, route: dict[str, Any]) -> None:
    example = route["clusters"][0]["examples"][0]
    result = command(demo, "exchange", example["exchange"])
    assert result.returncode == 0, result.stderr
    assert example["target"] in result.stdout


def test_report_is_the_same_on_every_way(demo: ShopDemo, route: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = command(demo, "report", "invoices", "--format", "html", "--output", str(page), "--gate")
    assert result.returncode == 1
    assert "gate: invoices: new differs" in result.stderr
    assert "new is legacy rounded to 2 places" in page.read_text().lower()
    report = from_json(json.loads(command(demo, "report", "--json").stdout))
    assert [one.route for one in report.routes] == ["invoices"]


def test_demo_says_by_itself_what_shadow_mode_found(demo: ShopDemo, route: dict[str, Any]) -> None:
    """While it runs, with the next commands, and at its end, when nobody can be asked any more. Ends the demo."""
    assert route["clusters"]
    poll(lambda: demo.said("all of it, with examples"), "the demo does not say what was found", IN_ALL_S)
    (line,) = (line for line in demo.log.read_text().splitlines() if "strangler exchange" in line)
    shown = command(demo, *line.partition("#")[0].split()[1:])
    assert shown.returncode == 0, shown.stderr
    demo.stop()
    _, _, end = demo.log.read_text().partition("ending …")
    assert "shadow mode on invoices: 6 kinds of difference in " in end
    assert {place for place, _, _ in MISTAKES} == {line.split()[1] for line in end.splitlines() if "%  /" in line}
    assert "6 kinds of difference" in (demo.folder / "demo" / "report.html").read_text()
