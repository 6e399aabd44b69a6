"""The demo's route in shadow: its report finds the six mistakes of the new service, and nothing else."""

from __future__ import annotations

import http.client
import json
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
FOUND_WITHIN_S = 90.0
COMPARED_MIN = 100


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
    """The report, once enough was compared and what was learned of noise is stored."""

    def found() -> dict[str, Any] | None:
        try:
            now = read_route(demo)
        except OSError:  # control comes up after the first clients were served
            return None
        enough = now["coverage"]["compared"] >= COMPARED_MIN and now["keys"]
        return now if enough and kinds(now) == MISTAKES else None

    try:
        route = poll(found, "the report does not say what is wrong with the new service", FOUND_WITHIN_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{command(demo, 'report', 'invoices').stdout}") from None
    assert route is not None
    return route


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
