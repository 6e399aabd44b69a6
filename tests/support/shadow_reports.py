"""Reports to look at: one as a team sees it in its second week, one full of hostile text, one of nothing."""

from __future__ import annotations

import math
from typing import Any

from routes.shadowing import RuleModel
from shadow.reporting.building import build_report, build_route
from shadow.reporting.findings import Key
from shadow.reporting.gate import GateSettings
from shadow.reporting.model import Report, RouteReport
from shadow.reporting.rows import RouteFacts, RouteRows, StoredCluster, Window

NOW = 1_772_355_600.0  # 2026-03-01 09:00:00 UTC
WINDOW = Window(NOW - 3600, NOW)
BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

#: What a value would need to get out of any of the formats.
HOSTILE = (
    "<script>window.hacked=1</script>\"'><img src=x onerror=window.hacked=1>]]>&lt;`|*_[x](javascript:hacked)"
    "\x1b[2J\u202e\x00\r\n{{7*7}}{% raw %}"
)


def example(legacy: Any, new: Any, path: str, exchange: str = "01HZX4-7f3a9c", **more: Any) -> dict[str, Any]:
    about = {"at": NOW - 60, "method": "GET", "target": "/api/orders/1041?expand=lines"}
    return {"exchange": exchange, "path": path, "legacy": legacy, "new": new, **about, **more}


def cluster(pattern: str, kind: str, relation: str, count: int, *examples: dict[str, Any]) -> StoredCluster:
    return StoredCluster(f"{pattern} {kind} {relation}", pattern, kind, relation, count, NOW - 3500, NOW - 40, examples)


WORDS = {
    "rounding:2": "new is legacy rounded to 2 digits",
    "time_zone:-5h": "new is 5 hours earlier: another time zone",
    "missing": "new has no such member",
}
RULE = """- path: /lines/*/tax
  tolerance: {absolute: 0.005}
  reason: say why
  owner: say who"""


def _report(*routes: RouteReport, release: str = "0.1.0", node: str = "") -> Report:
    return build_report(routes, WINDOW, made_at=NOW, release=release, node=node)


def describe(stored: StoredCluster) -> tuple[str, str]:
    rule = RULE if stored.relation == "rounding:2" else ""
    return WORDS.get(stored.relation, stored.relation or "the values differ"), rule


def orders_rows() -> RouteRows:
    """A route with three kinds of difference."""
    first = int(WINDOW.since) // 60
    rows = RouteRows()
    for index in range(60):
        base = 70 + round(25 * math.sin(index / 7)) + index % 5
        late = index > 40
        for verdict, reason, count in (
            ("match", "", base),
            ("explained", "", 9 + index % 3),
            ("mismatch", "", 2 if late else index % 2),
            ("new_failed", "", int(index == 50)),
            ("race", "", int(index % 20 == 0)),
            ("not_comparable", "too_large", int(index % 9 == 0)),
        ):
            rows.verdicts[first + index, verdict, reason] = count
    rows.unsent = {("shed", "queue"): 12, ("lost", "comparer_down"): 3}
    rows.classes = {
        ("status", "2xx"): [4700, 9],
        ("status", "4xx"): [110, 0],
        ("media", "json"): [4802, 0],
        ("media", "binary"): [3, 7],
    }
    rows.legacy_buckets = [0, 20, 300, 2400, 1600, 380, 90, 20, 6, 2, 0]
    rows.new_buckets = [10, 900, 2500, 1000, 300, 90, 12, 4, 1, 0, 0]
    rows.clusters = [
        cluster(
            "/lines/*/tax", "value", "rounding:2", 41,
            example(10.9575, 10.96, "/lines/0/tax"), example(3.1245, 3.12, "/lines/2/tax", "01HZX5-11bc02"),
        ),
        cluster(
            "/created_at", "value", "time_zone:-5h", 19,
            example("2026-03-01T08:59:12Z", "2026-03-01T03:59:12Z", "/created_at", "01HZX6-90fe11"),
        ),
        cluster("/due_date", "missing", "missing", 6, example("2026-03-31", None, "/due_date", "01HZX6-90fe12")),
    ]  # fmt: skip
    rows.keys = (
        Key("/lines/*/tax", "value", 41, 0, 10.4, flagged=True),
        Key("/created_at", "value", 19, 0, 4.1, flagged=True),
        Key("/printed_at", "value", 512, 498, -1.2, flagged=False),
    )
    rows.rule_uses = {"file:0": 812}
    rows.proofs = {"": [400, 1], "value": [120, 120], "times_100": [90, 90], "time_zone": [80, 79], "reorder": [40, 40]}
    return rows


RULES = (
    RuleModel("file:0", "/request_id", "same_kind", None, "made anew for each request", "checkout"),
    RuleModel("file:1", "/legacy_flag", "ignore", None, "dropped on purpose, see the contract", "checkout"),
    RuleModel("live:3", "/promo/*", "unordered", None, "until the promotion ends", "growth", NOW - 86400),
)


def orders_report() -> Report:
    """One route that is not ready."""
    facts = RouteFacts("orders", "shadow", RULES)
    route = build_route(facts, orders_rows(), WINDOW, BOUNDS_S, settings=GateSettings(), describe=describe)
    return _report(route, node="edge-1")


def shop_report() -> Report:
    """Three routes: one that is not ready, one of which too little is known, one that is ready."""
    ready = orders_rows()
    ready.verdicts = {(minute, "match", ""): 80 for minute, _, _ in ready.verdicts}
    ready.clusters, ready.keys, ready.unsent = [], (), {}
    ready.classes = {("status", "2xx"): [4800, 0], ("media", "json"): [4800, 0]}
    early = RouteRows(verdicts={(int(NOW) // 60 - 2, "match", ""): 12, (int(NOW) // 60 - 1, "race", ""): 1})
    routes = [
        build_route(RouteFacts(name, mode, ()), rows, WINDOW, BOUNDS_S, settings=GateSettings(), describe=describe)
        for name, mode, rows in (("invoices", "shadow", early), ("customers", "new", ready))
    ]
    return _report(*orders_report().routes, *routes)


def hostile_report() -> Report:
    """Every text that comes from outside is hostile."""
    rows = orders_rows()
    rows.clusters = [
        cluster(
            HOSTILE, kind, HOSTILE, 5,
            example({HOSTILE: HOSTILE}, [HOSTILE], HOSTILE, HOSTILE, method=HOSTILE, target=HOSTILE),
            example("a" * 5000 + HOSTILE, "a" * 5000 + "b", HOSTILE, HOSTILE, method=HOSTILE, target="x" * 4000),
        )
        for kind in ("value", "type")
    ]  # fmt: skip
    rows.keys = (Key(HOSTILE, "value", 3, 0, 2.0, flagged=True),)
    rows.unsent = {("shed", HOSTILE): 3}
    rows.verdicts[int(NOW) // 60, "not_comparable", HOSTILE] = 2
    rows.classes = {("media", HOSTILE): [3, 4]}
    rows.proofs = {HOSTILE: [4, 3]}
    rules = (RuleModel(HOSTILE, HOSTILE, "ignore", None, HOSTILE, HOSTILE),)
    route = build_route(
        RouteFacts(HOSTILE, HOSTILE, rules), rows, WINDOW, BOUNDS_S,
        settings=GateSettings(), describe=lambda _: (HOSTILE, HOSTILE),
    )  # fmt: skip
    return _report(route, release=HOSTILE, node=HOSTILE)


def empty_report() -> Report:
    """Nothing is in shadow."""
    return _report()
