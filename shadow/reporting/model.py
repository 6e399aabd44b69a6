"""What a report says, as plain records: everything that a page, a terminal or a pipeline shows is made from these.

Their JSON is the answer of the control API as it stands. Durations are seconds, shares 0.0 to 1.0, times seconds since
1970, UTC. Values of differences are JSON texts, so that numbers keep every digit.
"""

from __future__ import annotations

from dataclasses import dataclass

from shadow.reporting.findings import ClusterReport, Key, RuleReport
from shadow.reporting.judgement import Judgement
from shadow.reporting.measured import Coverage, Latency, SelfProof, Share, Trend, VerdictCount


@dataclass(frozen=True, slots=True)
class RouteReport:
    """One route.

    Attributes:
        route: its name.
        mode: its mode now; "" where it is no longer configured.
        headline: the whole of it in one sentence.
        judgement: of the gate.
        coverage: what was compared.
        different: compared exchanges in which new differs from legacy: mismatch or new failed.
        verdicts: every verdict that was reached.
        latency: both arms.
        keys: places where answers differ, flagged ones first, then by e-value; bounded.
        clusters: kinds of difference, most frequent first; bounded.
        clusters_more: kinds beyond that bound.
        settled: kinds that rules or learned noise have come to account for since they were seen; bounded.
        rules: in force.
        self_proof: None where the comparer has not proven itself here yet.
        trend: over time.
    """

    route: str
    mode: str
    headline: str
    judgement: Judgement
    coverage: Coverage
    different: Share
    verdicts: tuple[VerdictCount, ...]
    latency: Latency
    keys: tuple[Key, ...]
    clusters: tuple[ClusterReport, ...]
    clusters_more: int
    settled: tuple[ClusterReport, ...]
    rules: tuple[RuleReport, ...]
    self_proof: SelfProof | None
    trend: Trend


@dataclass(frozen=True, slots=True)
class Report:
    """All routes that were asked for, those that need attention first.

    Attributes:
        made_at: when it was made.
        since: start of the time that it covers.
        until: end of it.
        release: of strangler.
        node: where it was made, for several installations.
        routes: see `RouteReport`.
    """

    made_at: float
    since: float
    until: float
    release: str
    node: str
    routes: tuple[RouteReport, ...]
