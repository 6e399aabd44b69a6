"""What a report is made from: the rows of the state store, added up over the time that it covers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from routes.shadowing import RuleModel
from shadow.reporting.findings import Key

MINUTE_S: Final = 60
#: Steps of a series at most.
POINTS_MAX: Final = 120
_HOUR_MINUTES: Final = 60
_MINUTES_MAX: Final = 15


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a report covers, in Unix seconds."""

    since: float
    until: float


class Grid(NamedTuple):
    """The steps of a series over time, in whole minutes: the first one, and how long each is."""

    first: int
    step: int


def make_grid(first_seen: int | None, window: Window) -> Grid:
    """Steps of a minute; where that were too many, of some minutes or of whole hours.

    Args:
        first_seen: the first minute with anything in it; None where there is none.
        window: to divide.
    """
    last = int(window.until) // MINUTE_S
    first = max(last if first_seen is None else first_seen, int(window.since) // MINUTE_S)
    step = max(1, -(-(last - first + 1) // POINTS_MAX))
    if step > _MINUTES_MAX:  # by then minutes have been rolled up into hours
        step = -(-step // _HOUR_MINUTES) * _HOUR_MINUTES
    return Grid(first - first % step, step)


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
        verdicts: (minute, verdict, reason) -> exchanges; where there is a grid, the minute is a step's first one.
        grid: of `verdicts`; None where they are by the minute.
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
    grid: Grid | None = None
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
    """What the configuration says of a route: its mode, the rules in force, live ones included, what is redacted."""

    route: str
    mode: str
    rules: tuple[RuleModel, ...] = ()
    redact: tuple[str, ...] = ()
