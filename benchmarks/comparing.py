"""What comparing one pair of JSON answers costs, in CPU time, beside DeepDiff on the same pairs in the same run.

    python -m benchmarks.comparing [--json] [--seconds S]

Ours is given two whole answers, bytes and headers, and ends with a verdict; DeepDiff is given documents that are parsed
already, in the mode that is fastest for it. The bars: 20 times DeepDiff; 5,000 equal and 2,000 differing pairs of 2 KB
a second. Where rules apply there is no ratio to hold: DeepDiff applies none. Each case is the best of several rounds,
taken in turns, since noise only ever adds.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deepdiff import DeepDiff

from routes.shadowing import CompareModel, RuleModel
from shadow.comparing.comparer import RouteComparer
from shadow.comparison import Verdict
from shadow.exchange import COMPLETE, Answer

ROUNDS = 5
RATIO_BAR = 20.0
EQUAL_BAR = 5000.0
DIFFERING_BAR = 2000.0
ITEMS = {"2 KB": 9, "50 KB": 250}
PLAIN = CompareModel()
RULED = CompareModel(
    rules=(
        RuleModel("file:0", "/items/*/updated_at", "time_tolerance", 2.0),
        RuleModel("file:1", "/items/*/id", "bijection"),
        RuleModel("file:2", "/total", "tolerance", {"absolute": 0.01}),
    )
)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of pair: its name, both documents, what must come out."""

    name: str
    legacy: Any
    new: Any
    verdict: Verdict
    model: CompareModel = PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """What one case cost, in microseconds of CPU time for a pair."""

    name: str
    legacy_bytes: int
    ours_us: float
    deepdiff_us: float
    ruled: bool

    @property
    def ratio(self) -> float:
        """How many times as long DeepDiff takes."""
        return self.deepdiff_us / self.ours_us


def document(items: int) -> dict[str, Any]:
    """An answer of a shop, as such answers are."""
    rng = random.Random(items)
    return {
        "page": 1,
        "total": 1234.5,
        "currency": "EUR",
        "customer": {"id": 4711, "name": "Ada Lovelace", "active": True, "note": None},
        "items": [
            {
                "id": 1000 + number,
                "sku": f"SKU-{rng.randrange(10**6):06}",
                "title": f"Article number {number}",
                "price": round(rng.random() * 100, 2),
                "quantity": rng.randrange(1, 9),
                "tags": ["new", "sale"][: rng.randrange(3)],
                "stock": {"warehouse": rng.choice(["BER", "HAM"]), "left": rng.randrange(50)},
                "updated_at": f"2026-11-24T10:{number % 60:02}:00Z",
            }
            for number in range(items)
        ],
    }


def reordered(value: Any) -> Any:
    """The same with the keys of every object the other way round."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(member) for member in value] if isinstance(value, list) else value


def edited(value: dict[str, Any], edits: int) -> dict[str, Any]:
    """With re-ordered keys, and one to five of its values changed."""
    new = reordered(value)
    items = new["items"]
    items[2]["price"] += 1
    if edits > 1:
        items[5]["stock"]["warehouse"] = "CGN"
        new["customer"]["note"] = "moved"
    if edits > 3:
        del items[-1]
        items[0]["tags"].append("x")
    return new


def ruled(value: dict[str, Any]) -> dict[str, Any]:
    """As another system says the same: ids of its own, other precision."""
    new = reordered(value)
    new["total"] += 0.001
    for item in new["items"]:
        item["id"] = f"n{item['id']}"
        item["updated_at"] = item["updated_at"].replace("Z", ".250Z")
    return new


def cases(items: int) -> list[Case]:
    legacy = document(items)
    shuffled = copy.deepcopy(legacy)
    shuffled["items"].reverse()
    return [
        Case("equal, re-ordered keys", legacy, reordered(legacy), Verdict.MATCH),
        Case("1 difference", legacy, edited(legacy, 1), Verdict.MISMATCH),
        Case("3 differences", legacy, edited(legacy, 3), Verdict.MISMATCH),
        Case("5 differences", legacy, edited(legacy, 5), Verdict.MISMATCH),
        Case("array the other way round", legacy, shuffled, Verdict.MISMATCH),
        Case("all ids, times under rules", legacy, ruled(legacy), Verdict.EXPLAINED, RULED),
    ]


def answer(value: Any, *, compact: bool) -> Answer:
    separators = (",", ":") if compact else (", ", ": ")
    body = json.dumps(value, separators=separators, ensure_ascii=compact).encode()
    fields = (
        ("content-type", "application/json"),
        ("date", "Tue, 24 Nov 2026 10:00:00 GMT"),
        ("server", "legacy" if compact else "new"),
        ("cache-control", "no-store"),
        ("set-cookie", "theme=dark; Path=/; HttpOnly"),
        ("x-request-id", "b6d9d767c3f0bf3d12bf44ac8d36a7a5"),
    )
    return Answer(COMPLETE, 200, fields, body, len(body), "", 0.01, 0.02)


def per_call_us(call: Callable[[], object], seconds: float) -> float:
    """CPU time of one call, over at least `seconds` of them."""
    calls, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds or not calls:
        for _ in range(1 + calls // 4):
            call()
            calls += 1
    return spent / calls * 1e6


def measure(case: Case, seconds: float) -> Row:
    """One case, both ways.

    Raises:
        SystemExit: the verdict is wrong: a quick wrong answer is worth nothing.
    """
    comparer = RouteComparer(case.model, now=time.time)
    legacy, new = answer(case.legacy, compact=True), answer(case.new, compact=False)
    found = comparer.compare(legacy, new, method="GET")
    if found.verdict is not case.verdict:
        raise SystemExit(f"{case.name}: {found.verdict}, and it should be {case.verdict}")
    ours = deepdiff = float("inf")
    for _ in range(ROUNDS):
        ours = min(ours, per_call_us(lambda: comparer.compare(legacy, new, method="GET"), seconds))
        deepdiff = min(deepdiff, per_call_us(lambda: DeepDiff(case.legacy, case.new), seconds))
    return Row(case.name, len(legacy.body), ours, deepdiff, case.model is RULED)


def missed(size: str, row: Row) -> list[str]:
    """The bars that a row does not reach, in words."""
    found = []
    if row.ratio < RATIO_BAR and not row.ruled:
        found.append(f"{size}, {row.name}: {row.ratio:.1f} times DeepDiff, the bar is {RATIO_BAR:.0f}")
    bar = EQUAL_BAR if row.name.startswith("equal") else DIFFERING_BAR
    if size == "2 KB" and 1e6 / row.ours_us < bar:
        found.append(f"{size}, {row.name}: {1e6 / row.ours_us:.0f} pairs a second, the bar is {bar:.0f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--seconds", type=float, default=0.1, help="CPU time of one round of one case (0.1)")
    options = parser.parse_args()
    rows = [(size, measure(case, options.seconds)) for size, items in ITEMS.items() for case in cases(items)]
    if options.json:
        shown = [
            {
                "size": size,
                "case": row.name,
                "bytes": row.legacy_bytes,
                "us": row.ours_us,
                "deepdiff_us": row.deepdiff_us,
            }
            for size, row in rows
        ]
        print(json.dumps(shown, indent=2))
        return
    print(f"{'size':6} {'pair':28} {'bytes':>6} {'CPU us':>9} {'pairs/s':>8} {'DeepDiff us':>12} {'ratio':>7}")
    for size, row in rows:
        print(
            f"{size:6} {row.name:28} {row.legacy_bytes:6} {row.ours_us:9.1f} {1e6 / row.ours_us:8.0f}"
            f" {row.deepdiff_us:12.1f} {row.ratio:6.1f}x"
        )
    for line in [line for size, row in rows for line in missed(size, row)]:
        print("MISSED:", line)


if __name__ == "__main__":
    main()
