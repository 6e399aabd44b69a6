"""Exchanges as the engine concludes them, for tests of what is kept."""

from __future__ import annotations

from shadow.clusters.cluster import Cluster, Example
from shadow.comparison import Difference, Kind
from shadow.keeping.batch import Concluded, Kept, Tally
from shadow.keeping.records import KeptAnswer, KeptRequest, Record
from shadow.keeping.tables import KEPT_FINDING

#: 2026-11-24 20:00 UTC.
AT = 1_795_550_400.0
DIFFERENCE = Difference("/items/0/price", Kind.VALUE, 1, 100, "/items/*/price")


def record(identifier: str = "one", *, at: float = AT, route: str = "orders", **more: object) -> Record:
    """A kept mismatch."""
    answer = KeptAnswer("complete", 200, (("content-type", "application/json"),), 12, "", 0.01, 0.02, {"a": 1})
    request = KeptRequest("GET", "/orders/1", "shop.example", "http", ())
    values = {"differences": (DIFFERENCE,), "clusters": ("c1",), **more}
    return Record(identifier, at, route, "legacy", False, "mismatch", "", "json", request, answer, answer, **values)


def kept(identifier: str = "one", **more: object) -> Kept:
    """The same, ready to be stored."""
    one = record(identifier, **more)
    return Kept(one, one.pack(), KEPT_FINDING, replayable=True)


def mismatch(identifier: str = "one", *, at: float = AT, route: str = "orders", keep: bool = True) -> Concluded:
    """A mismatch of cluster c1."""
    examples = (Example(identifier, DIFFERENCE.path, 1, 100),) if keep else ()
    return Concluded(
        Tally(route, int(at) // 60, "mismatch", "", 2, "json"),
        at,
        (("legacy", 0.02), ("new", 0.03)),
        (Cluster("c1", route, "/items/*/price", Kind.VALUE, "scaled:2", 1, at, at, examples),),
        frozenset({"file:1"}),
        kept(identifier, at=at, route=route) if keep else None,
    )


def match(*, at: float = AT, route: str = "orders") -> Concluded:
    """A match that only the sums keep."""
    return Concluded(Tally(route, int(at) // 60, "match", "", 2, "json"), at, (("legacy", 0.02), ("new", 0.01)))
