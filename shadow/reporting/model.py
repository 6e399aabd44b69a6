"""What a report says, as plain records: everything that a page, a terminal or a pipeline shows is made from these.

Their JSON is the answer of the control API as it stands. Durations are seconds, shares 0.0 to 1.0, times seconds since
1970, UTC. Values of differences are JSON texts, so that numbers keep every digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a route is, in one word."""

    READY = "ready"  # every condition of the gate holds
    NOT_READY = "not_ready"  # at least one is broken
    TOO_EARLY = "too_early"  # nothing is broken, but too little was compared to say so


class Outcome(StrEnum):
    """What became of one condition of the gate."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # not enough is known yet; stands in the way as well


@dataclass(frozen=True, slots=True)
class Share:
    """A share with the interval that the true one lies in with 95 % confidence (Clopper-Pearson).

    Attributes:
        count: successes.
        of: trials; 0 where nothing is known, and then the interval is 0 to 1.
        low: lower bound.
        high: upper bound.
    """

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share that was seen; 0.0 without any trial."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Mirrored requests that no share counts.

    Attributes:
        stage: `shed`, `lost`, `not_comparable`, `race` or `legacy_failed`.
        reason: one word that narrows it, or "".
        count: how many.
        words: why, for people.
    """

    stage: str
    reason: str
    count: int
    words: str


@dataclass(frozen=True, slots=True)
class ClassCoverage:
    """One kind of answer, by the status or the media type of legacy: how much of it was compared."""

    name: str
    compared: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the shares of a report are made of, and what they leave out. What was not compared is never a match.

    Attributes:
        mirrored: requests that were to be compared.
        compared: those with a verdict on new: match, explained, both failed alike, mismatch, new failed.
        left_out: all others, by reason, largest first.
        statuses: by the status class of legacy's answer.
        media: by the media type of legacy's answer.
    """

    mirrored: int
    compared: int
    left_out: tuple[LeftOut, ...]
    statuses: tuple[ClassCoverage, ...]
    media: tuple[ClassCoverage, ...]


@dataclass(frozen=True, slots=True)
class VerdictCount:
    """How often a verdict was reached.

    Attributes:
        verdict: as in `shadow.comparison.Verdict`.
        count: exchanges.
        share: of the compared ones; None for the verdicts that say nothing of new.
    """

    verdict: str
    count: int
    share: Share | None


@dataclass(frozen=True, slots=True)
class ArmLatency:
    """How long one arm took, first byte asked to last byte answered; None where it never answered."""

    count: int
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Both arms over the same requests, and new's times as multiples of legacy's."""

    legacy: ArmLatency
    new: ArmLatency
    p50_ratio: float | None
    p90_ratio: float | None
    p99_ratio: float | None


@dataclass(frozen=True, slots=True)
class Key:
    """One place where answers differ, held against legacy's difference from itself.

    Attributes:
        pattern: the path, `/items/*/price`.
        kind: as in `shadow.comparison.Kind`.
        new_only: requests in which only new differed.
        legacy_only: requests in which only legacy's second answer did.
        e_value_log10: decimal logarithm of the e-value.
        flagged: e-BH rejects "new behaves like legacy" here.
    """

    pattern: str
    kind: str
    new_only: int
    legacy_only: int
    e_value_log10: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One stored pair of values.

    Attributes:
        exchange: id for `strangler exchange`.
        at: when the request arrived.
        method: of the request.
        target: of the request, as stored.
        path: the concrete place, `/items/3/price`.
        legacy: JSON text of legacy's value; None where it has none.
        new: JSON text of new's value; None where it has none.
    """

    exchange: str
    at: float
    method: str
    target: str
    path: str
    legacy: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """One kind of difference, however often it was seen.

    Attributes:
        id: its fingerprint.
        pattern: where, `/items/*/price`; for a value that moved that of legacy.
        kind: as in `shadow.comparison.Kind`, or `moved`.
        relation: how the values relate, one word; "" where no relation was found.
        words: the same as a clause, such as "new is legacy rounded to 2 digits".
        exchanges: compared exchanges that have it, as a share of all compared ones.
        first: time of the first one.
        last: time of the last one.
        examples: a few.
        rule: the narrowest rule that would explain it, as YAML for the configuration; "" where none is proposed.
        flagged: its place is flagged.
    """

    id: str
    pattern: str
    kind: str
    relation: str
    words: str
    exchanges: Share
    first: float
    last: float
    examples: tuple[Example, ...]
    rule: str
    flagged: bool


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule in force, and whether it is needed.

    Attributes:
        id: `file:<position>` or `live:<number>`.
        path: where it applies.
        kind: as in `routes.shadowing.RULE_KINDS`.
        reason: why it is there.
        owner: who answers for it.
        expires: when it ends; None is never.
        uses: exchanges in which it explained or shaped something.
        state: `used`, `unused` or `expired`.
    """

    id: str
    path: str
    kind: str
    reason: str
    owner: str
    expires: float | None
    uses: int
    state: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """One kind of seeded fault, and how many of them were found."""

    kind: str
    detected: Share


@dataclass(frozen=True, slots=True)
class SelfProof:
    """What the comparer finds of faults that it put into copies of real pairs itself.

    Attributes:
        detected: of all seeded faults.
        false_alarms: of pairs without one.
        mutations: by kind.
    """

    detected: Share
    false_alarms: Share
    mutations: tuple[Mutation, ...]


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """What was compared in one step of time."""

    at: float
    compared: int
    different: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Trend:
    """The series over the report's time, without gaps."""

    step_s: float
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition for the promotion of a route.

    Attributes:
        name: as in `GateSettings`, without its unit.
        outcome: what became of it.
        words: what was wanted and what was found, a sentence.
    """

    name: str
    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a route may be promoted, and why not."""

    state: State
    conditions: tuple[Condition, ...]

    @property
    def in_the_way(self) -> tuple[Condition, ...]:
        """The conditions that do not hold, broken ones first."""
        order = {Outcome.FAILED: 0, Outcome.UNKNOWN: 1}
        return tuple(
            sorted((one for one in self.conditions if one.outcome in order), key=lambda one: order[one.outcome])
        )


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
