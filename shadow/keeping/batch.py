"""What is written in one transaction: sums, and the exchanges that are kept. Values; `writing` makes rows of it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from shadow.clusters.cluster import Cluster
from shadow.keeping.records import Record
from shadow.keeping.tables import CLUSTER_MINUTES, LATENCY_BOUNDS_S

_MINUTE_S: Final = 60


class Tally(NamedTuple):
    """What exchanges are counted by; the columns of `tables.tallies`."""

    route: str
    minute: int
    verdict: str
    reason: str
    status: int
    media: str


@dataclass(frozen=True, slots=True)
class Kept:
    """An exchange that is stored, and why.

    Attributes:
        record: redacted.
        content: `record.pack()`.
        why: `tables.KEPT_FINDING` or `tables.KEPT_SAMPLE`.
        replayable: it can be sent again as it was.
    """

    record: Record
    content: bytes
    why: str
    replayable: bool


@dataclass(frozen=True, slots=True)
class Concluded:
    """What the engine made of one exchange.

    Attributes:
        tally: what it counts as.
        at: Unix time in seconds.
        durations: arm -> seconds, of answers that are complete.
        clusters: that it shows, each counted once; with redacted examples where the exchange is kept, else with none.
        rules_used: ids.
        kept: None where only the sums keep it.
    """

    tally: Tally
    at: float
    durations: tuple[tuple[str, float], ...] = ()
    clusters: tuple[Cluster, ...] = ()
    rules_used: frozenset[str] = frozenset()
    kept: Kept | None = None


class Position(NamedTuple):
    """How far a stream was taken.

    Attributes:
        seq: of its last batch.
        verdicts: route -> verdict -> exchanges of that batch.
    """

    seq: int
    verdicts: dict[str, dict[str, int]]


@dataclass(slots=True)
class Latency:
    """One row of the histogram: `counts` has one entry per bucket."""

    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_S) + 1))


@dataclass(slots=True)
class Use:
    """How often a rule was used, and when first and last."""

    count: int
    first_at: float
    last_at: float


@dataclass(slots=True)
class Batch:
    """Everything of one transaction.

    Attributes:
        positions: stream -> how far it is taken once this is committed.
        tallies: exchanges.
        latencies: (route, minute, arm) -> durations.
        clusters: fingerprint -> what was found.
        cluster_tallies: (fingerprint, minute) -> exchanges.
        rule_uses: (route, rule) -> uses.
        self_proofs: (route, minute, mutation) -> (injected, found).
        noise: route -> learned state, where it is time to write it.
        kept: exchanges to store.
    """

    positions: dict[str, Position] = field(default_factory=dict)
    tallies: Counter[Tally] = field(default_factory=Counter)
    latencies: dict[tuple[str, int, str], Latency] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    cluster_tallies: Counter[tuple[str, int]] = field(default_factory=Counter)
    rule_uses: dict[tuple[str, str], Use] = field(default_factory=dict)
    self_proofs: dict[tuple[str, int, str], tuple[int, int]] = field(default_factory=dict)
    noise: dict[str, Any] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)

    @property
    def exchanges(self) -> int:
        """How many exchanges it counts."""
        return self.tallies.total()

    def add(self, stream: str, seq: int, concluded: Iterable[Concluded]) -> dict[str, dict[str, int]]:
        """Add one batch of a stream; returns what is acknowledged for it: route -> verdict -> exchanges."""
        verdicts: dict[str, dict[str, int]] = {}
        for one in concluded:
            self._count(one)
            counts = verdicts.setdefault(one.tally.route, {})
            counts[one.tally.verdict] = counts.get(one.tally.verdict, 0) + 1
        self.positions[stream] = Position(seq, verdicts)
        return verdicts

    def add_proofs(self, route: str, at: float, counts: Mapping[str, tuple[int, int]]) -> None:
        """Add what `ProofTally.take` gave."""
        for mutation, (injected, found) in counts.items():
            key = (route, int(at) // _MINUTE_S, mutation)
            before = self.self_proofs.get(key, (0, 0))
            self.self_proofs[key] = (before[0] + injected, before[1] + found)

    def _count(self, one: Concluded) -> None:
        tally = one.tally
        self.tallies[tally] += 1
        for arm, seconds in one.durations:
            latency = self.latencies.setdefault((tally.route, tally.minute, arm), Latency())
            latency.seconds += seconds
            latency.counts[bisect_left(LATENCY_BOUNDS_S, seconds)] += 1
        minute = tally.minute - tally.minute % CLUSTER_MINUTES
        for cluster in one.clusters:
            before = self.clusters.get(cluster.fingerprint)
            self.clusters[cluster.fingerprint] = cluster if before is None else before.add(cluster)
            self.cluster_tallies[cluster.fingerprint, minute] += cluster.count
        for rule in one.rules_used:
            use = self.rule_uses.setdefault((tally.route, rule), Use(0, one.at, one.at))
            use.count += 1
            use.first_at, use.last_at = min(use.first_at, one.at), max(use.last_at, one.at)
        if one.kept is not None:
            self.kept.append(one.kept)
