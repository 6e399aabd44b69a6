"""What a report is made from: the rows of the state store, added up over the time that it covers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from routes.shadowing import RuleModel
from shadow.reporting.model import Key


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a report covers, in Unix seconds."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class StoredCluster:
    """One cluster with its count inside of the window.

    Attributes:
        fingerprint: its id.
        pattern: the path.
        kind: of the differences.
        relation: between the values.
        count: exchanges in the window.
        first: time of the first one, before the window too.
        last: time of the last one.
        examples: as in `tables.clusters.examples`, with `at`, `method` and `target` of the exchange where it is kept.
    """

    fingerprint: str
    pattern: str
    kind: str
    relation: str
    count: int
    first: float
    last: float
    examples: tuple[dict[str, Any], ...]


@dataclass(slots=True)
class RouteRows:
    """Everything about one route.

    Attributes:
        verdicts: (minute, verdict, reason) -> exchanges.
        unsent: (`shed` or `lost`, reason) -> requests that never came to the comparer.
        classes: (`status` or `media`, name) -> [compared, left out].
        legacy_buckets: duration histogram of legacy.
        new_buckets: the same of new.
        clusters: most frequent first.
        clusters_more: clusters beyond those that were read.
        rule_uses: rule id -> exchanges, since it is in force.
        proofs: mutation -> [injected, found]; "" counts copies without a fault.
        keys: what the paired test says.
        settled: fingerprints of clusters that learned noise accounts for by now.
    """

    verdicts: dict[tuple[int, str, str], int] = field(default_factory=dict)
    unsent: dict[tuple[str, str], int] = field(default_factory=dict)
    classes: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    legacy_buckets: list[int] = field(default_factory=list)
    new_buckets: list[int] = field(default_factory=list)
    clusters: list[StoredCluster] = field(default_factory=list)
    clusters_more: int = 0
    rule_uses: dict[str, int] = field(default_factory=dict)
    proofs: dict[str, list[int]] = field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    settled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """What the configuration says of a route: its mode and the rules in force, live ones included."""

    route: str
    mode: str
    rules: tuple[RuleModel, ...] = ()
