"""Makes the report of one route out of its rows. Pure: rows in, records out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from routes.shadowing import RuleModel
from shadow.beta import exact_interval
from shadow.comparison import Kind, Verdict
from shadow.reporting.findings import ClusterReport, Example, Key, RuleReport
from shadow.reporting.folding import MOVED, fold
from shadow.reporting.gate import Evidence, GateSettings, judge
from shadow.reporting.judgement import State
from shadow.reporting.marking import excerpts, json_text, visible
from shadow.reporting.measured import (
    ClassCoverage,
    Coverage,
    LeftOut,
    Mutation,
    SelfProof,
    Share,
    Trend,
    TrendPoint,
    VerdictCount,
)
from shadow.reporting.model import Report, RouteReport
from shadow.reporting.quantiles import latency
from shadow.reporting.rows import MINUTE_S, RouteFacts, RouteRows, StoredCluster, Window, make_grid
from shadow.reporting.sentences import headline, left_out_words

#: Verdicts that say something of new. Shares are shares of these.
COMPARED: Final = (
    Verdict.MATCH,
    Verdict.EXPLAINED,
    Verdict.BOTH_FAILED_ALIKE,
    Verdict.MISMATCH,
    Verdict.NEW_FAILED,
)
#: Those of them in which new differs.
DIFFERENT: Final = (Verdict.MISMATCH, Verdict.NEW_FAILED)

EXAMPLES_MAX: Final = 3
SETTLED_MAX: Final = 20
KEYS_MAX: Final = 20

#: Describes a cluster in words, and proposes the rule that would explain it, as YAML ("" for none).
Describe = Callable[[StoredCluster], tuple[str, str]]


def build_route(
    facts: RouteFacts,
    rows: RouteRows,
    window: Window,
    bounds_s: Sequence[float],
    *,
    settings: GateSettings,
    describe: Describe,
) -> RouteReport:
    """The report of one route.

    Args:
        facts: from the configuration.
        rows: from the store.
        window: the time that the rows are of.
        bounds_s: of the duration histograms.
        settings: of the gate.
        describe: says what a cluster is, and which rule would explain it.
    """
    keys = _visible_keys(rows)
    verdicts = _by_verdict(rows)
    coverage = _coverage(rows, verdicts)
    different = make_share(sum(verdicts[one] for one in DIFFERENT), coverage.compared)
    both = latency(bounds_s, rows.legacy_buckets, rows.new_buckets)
    proof = _self_proof(rows)
    evidence = Evidence(
        coverage=coverage,
        different=different,
        new_failed=verdicts[Verdict.NEW_FAILED],
        legacy_failed=verdicts[Verdict.LEGACY_FAILED],
        latency=both,
        keys=keys,
        self_proof=proof,
    )
    judgement = judge(evidence, settings)
    open_clusters = fold(one for one in rows.clusters if one.fingerprint not in rows.settled)
    settled = fold(one for one in rows.clusters if one.fingerprint in rows.settled)
    flagged = {(key.pattern, key.kind) for key in rows.keys if key.flagged}
    flagged |= {(pattern, MOVED) for pattern, kind in flagged if kind == Kind.MISSING}
    kinds = len(open_clusters) + rows.clusters_more

    def report(clusters: Iterable[StoredCluster]) -> tuple[ClusterReport, ...]:
        return tuple(_cluster(one, coverage.compared, describe, flagged) for one in clusters)

    return RouteReport(
        route=visible(facts.route),
        mode=visible(facts.mode),
        headline=headline(coverage, different, kinds, judgement.state),
        judgement=judgement,
        coverage=coverage,
        different=different,
        verdicts=_verdict_counts(verdicts, coverage.compared),
        latency=both,
        keys=keys[:KEYS_MAX],
        clusters=report(open_clusters),
        clusters_more=rows.clusters_more,
        settled=report(settled[:SETTLED_MAX]),
        rules=tuple(_rule(rule, rows, window.until) for rule in facts.rules),
        self_proof=proof,
        trend=_trend(rows, window),
    )


def build_report(routes: Iterable[RouteReport], window: Window, *, made_at: float, release: str, node: str) -> Report:
    """The whole report: the routes that need attention first."""
    ordered = tuple(sorted(routes, key=attention))
    return Report(made_at, window.since, window.until, visible(release), visible(node), ordered)


def make_share(count: int, of: int) -> Share:
    """A share with its exact interval."""
    low, high = exact_interval(min(count, of), of)
    return Share(count, of, low, high)


def attention(report: RouteReport) -> tuple[int, float, str]:
    """Sort key: what needs attention comes first."""
    order = {State.NOT_READY: 0, State.TOO_EARLY: 1, State.READY: 2}
    return order[report.judgement.state], -report.different.value, report.route


def _by_verdict(rows: RouteRows) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (_, verdict, _), count in rows.verdicts.items():
        counts[verdict] += count
    return counts


def _coverage(rows: RouteRows, verdicts: Counter[str]) -> Coverage:
    compared = sum(verdicts[one] for one in COMPARED)
    left: Counter[tuple[str, str]] = Counter(rows.unsent)
    for (_, verdict, reason), count in rows.verdicts.items():
        if verdict not in COMPARED:
            left[verdict, "" if verdict in {Verdict.RACE, Verdict.LEGACY_FAILED} else reason] += count
    left_out = tuple(
        LeftOut(stage, visible(reason), count, left_out_words(stage, visible(reason)))
        for (stage, reason), count in left.most_common()
        if count
    )
    statuses, media = (
        tuple(
            sorted(
                (ClassCoverage(visible(name), *counts) for (kind, name), counts in rows.classes.items() if kind == of),
                key=lambda one: (-one.compared - one.left_out, one.name),
            )
        )
        for of in ("status", "media")
    )
    return Coverage(compared + left.total(), compared, left_out, statuses, media)


def _verdict_counts(verdicts: Counter[str], compared: int) -> tuple[VerdictCount, ...]:
    return tuple(
        VerdictCount(one, verdicts[one], make_share(verdicts[one], compared) if one in COMPARED else None)
        for one in (*COMPARED, Verdict.RACE, Verdict.LEGACY_FAILED, Verdict.NOT_COMPARABLE)
        if verdicts[one]
    )


def _visible_keys(rows: RouteRows) -> tuple[Key, ...]:
    ranked = sorted(rows.keys, key=lambda key: (not key.flagged, -key.e_value_log10, key.pattern))
    return tuple(replace(key, pattern=visible(key.pattern)) for key in ranked)


def _cluster(stored: StoredCluster, compared: int, describe: Describe, flagged: set[tuple[str, str]]) -> ClusterReport:
    words, rule = describe(stored)
    return ClusterReport(
        id=visible(stored.fingerprint),
        pattern=visible(stored.pattern),
        kind=stored.kind,
        relation=visible(stored.relation),
        words=visible(words),
        exchanges=make_share(min(stored.count, compared), compared),
        first=stored.first,
        last=stored.last,
        examples=tuple(make_example(one, stored.kind) for one in stored.examples[:EXAMPLES_MAX]),
        rule="\n".join(visible(line) for line in rule.splitlines()),
        flagged=(stored.pattern, stored.kind) in flagged,
    )


def make_example(given: dict[str, Any], kind: str) -> Example:
    """A stored example as it is shown."""
    legacy = None if kind == "extra" else json_text(given.get("legacy"))
    new = None if kind == "missing" else json_text(given.get("new"))
    legacy, new = excerpts(legacy, new)
    return Example(
        exchange=visible(str(given.get("exchange", ""))),
        at=float(given.get("at", 0.0)),
        method=visible(str(given.get("method", ""))),
        target=visible(str(given.get("target", ""))),
        path=visible(str(given.get("path", ""))),
        legacy=legacy,
        new=new,
    )


def _rule(rule: RuleModel, rows: RouteRows, now: float) -> RuleReport:
    uses = rows.rule_uses.get(rule.id, 0)
    expired = rule.expires is not None and rule.expires <= now
    return RuleReport(
        id=visible(rule.id),
        path=visible(rule.path),
        kind=rule.kind,
        reason=visible(rule.reason),
        owner=visible(rule.owner),
        expires=rule.expires,
        uses=uses,
        state="expired" if expired else "used" if uses else "unused",
    )


def _self_proof(rows: RouteRows) -> SelfProof | None:
    seeded = {name: counts for name, counts in rows.proofs.items() if name}
    if not rows.proofs:
        return None
    injected, found = (sum(counts[index] for counts in seeded.values()) for index in (0, 1))
    pairs, alarms = rows.proofs.get("", [0, 0])
    mutations = tuple(
        Mutation(visible(name), make_share(counts[1], counts[0])) for name, counts in sorted(seeded.items())
    )
    return SelfProof(make_share(found, injected), make_share(alarms, pairs), mutations)


def _trend(rows: RouteRows, window: Window) -> Trend:
    grid = rows.grid or make_grid(min((minute for minute, _, _ in rows.verdicts), default=None), window)
    points = [[0, 0, 0] for _ in range(grid.first, int(window.until) // MINUTE_S + 1, grid.step)]
    for (minute, verdict, _), count in rows.verdicts.items():
        index = (minute - grid.first) // grid.step
        if not 0 <= index < len(points):
            continue
        if verdict not in COMPARED:
            points[index][2] += count
            continue
        points[index][0] += count
        points[index][1] += count if verdict in DIFFERENT else 0
    made = (TrendPoint((grid.first + grid.step * index) * MINUTE_S, *counts) for index, counts in enumerate(points))
    return Trend(grid.step * MINUTE_S, tuple(made))
