"""Whether a route may be promoted: every condition with what was wanted and what was found.

Conditions on shares look at a bound of the exact confidence interval, not at the share that was seen: without a single
difference in 300 requests the true share can still be 1.2 %, and a gate that opens then opens on luck.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shadow.reporting.figures import count, duration, plural, share, times
from shadow.reporting.findings import Key
from shadow.reporting.judgement import Condition, Judgement, Outcome, State
from shadow.reporting.measured import ClassCoverage, Coverage, Latency, SelfProof, Share

PASSED, FAILED, UNKNOWN = Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What is asked of a route.

    Attributes:
        comparisons_min: compared requests.
        different_max: upper confidence bound of the share in which new differs.
        coverage_min: share of the mirrored requests that was compared, those shed by `rate_max` left aside.
        class_share_min: a status class or media type with at least this share of the traffic must be covered itself.
        class_comparisons_min: compared requests of each such class.
        latency_p50_factor: new's median over legacy's.
        latency_p99_factor: new's 99th percentile over legacy's.
        latency_slack_s: slower by less than this is never too slow.
        errors_extra_max: share of requests that fail on new only, less the share that fails on legacy only.
        flagged_max: places that the paired test flags.
        detection_min: lower confidence bound of the seeded faults that the comparer finds.
        false_alarms_max: share of pairs without a fault in which it finds one.
    """

    comparisons_min: int = 1000
    different_max: float = 0.005
    coverage_min: float = 0.9
    class_share_min: float = 0.01
    class_comparisons_min: int = 30
    latency_p50_factor: float = 1.5
    latency_p99_factor: float = 1.5
    latency_slack_s: float = 0.005
    errors_extra_max: float = 0.001
    flagged_max: int = 0
    detection_min: float = 0.9
    false_alarms_max: float = 0.01


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the gate looks at, of one route.

    Attributes:
        coverage: what was compared.
        different: share in which new differs.
        new_failed: exchanges in which only new failed.
        legacy_failed: exchanges in which only legacy failed.
        latency: both arms.
        keys: places where answers differ.
        self_proof: None where there is none yet.
    """

    coverage: Coverage
    different: Share
    new_failed: int
    legacy_failed: int
    latency: Latency
    keys: tuple[Key, ...]
    self_proof: SelfProof | None


def judge(evidence: Evidence, settings: GateSettings) -> Judgement:
    """Hold one route against every condition."""
    conditions = (
        _comparisons(evidence.coverage, settings),
        _different(evidence.different, settings),
        _coverage(evidence.coverage, settings),
        *_classes("status", evidence.coverage.statuses, settings),
        *_classes("media", evidence.coverage.media, settings),
        _latency("latency_p50", evidence, settings.latency_p50_factor, settings),
        _latency("latency_p99", evidence, settings.latency_p99_factor, settings),
        _errors(evidence, settings),
        _flagged(evidence.keys, settings),
        *_self_proof(evidence.self_proof, settings),
    )
    outcomes = {condition.outcome for condition in conditions}
    state = State.NOT_READY if FAILED in outcomes else State.TOO_EARLY if UNKNOWN in outcomes else State.READY
    return Judgement(state, conditions)


def _comparisons(coverage: Coverage, settings: GateSettings) -> Condition:
    found, wanted = coverage.compared, settings.comparisons_min
    words = f"{plural(found, 'request was', 'requests were')} compared; {count(wanted)} are wanted"
    return Condition("comparisons", PASSED if found >= wanted else UNKNOWN, words)


def _different(different: Share, settings: GateSettings) -> Condition:
    wanted = settings.different_max
    bound = f", with 95 % confidence in at most {share(different.high)}" if different.high < 1 else ""
    words = (
        f"new differs in {share(different.value)} of the compared requests{bound}; at most {share(wanted)} is allowed"
    )
    # Too many even at the lower bound is certain; anything between may still be chance.
    outcome = PASSED if different.high <= wanted else FAILED if different.value > wanted else UNKNOWN
    return Condition("different", outcome, words)


def _coverage(coverage: Coverage, settings: GateSettings) -> Condition:
    capped = sum(one.count for one in coverage.left_out if (one.stage, one.reason) == ("shed", "rate"))
    total = coverage.mirrored - capped
    if total <= 0:
        return Condition("coverage", UNKNOWN, "nothing was mirrored")
    found = coverage.compared / total
    words = f"{share(found)} of the mirrored requests were compared; at least {share(settings.coverage_min)} is wanted"
    return Condition("coverage", PASSED if found >= settings.coverage_min else FAILED, words)


def _classes(name: str, classes: tuple[ClassCoverage, ...], settings: GateSettings) -> Iterator[Condition]:
    total = sum(one.compared + one.left_out for one in classes)
    for one in classes:
        seen = one.compared + one.left_out
        if seen < settings.class_share_min * total or one.compared >= settings.class_comparisons_min:
            continue
        words = (
            f"of {count(seen)} {one.name} answers {count(one.compared)} were compared; "
            f"{count(settings.class_comparisons_min)} are wanted"
        )
        enough_seen = seen >= settings.class_comparisons_min
        yield Condition(f"coverage_{name}", FAILED if enough_seen else UNKNOWN, words)


def _latency(name: str, evidence: Evidence, factor: float, settings: GateSettings) -> Condition:
    quantile = name.removeprefix("latency_") + "_s"
    legacy_s = getattr(evidence.latency.legacy, quantile)
    new_s = getattr(evidence.latency.new, quantile)
    said = "the median" if quantile == "p50_s" else "the 99th percentile"
    if legacy_s is None or new_s is None:
        return Condition(name, UNKNOWN, f"{said} of both arms is not known yet")
    allowed_s = max(factor * legacy_s, legacy_s + settings.latency_slack_s)
    words = (
        f"{said} of new is {duration(new_s)}, {times(new_s / legacy_s) if legacy_s else 'more'} that of legacy "
        f"({duration(legacy_s)}); at most {times(factor)} is allowed"
    )
    return Condition(name, PASSED if new_s <= allowed_s else FAILED, words)


def _errors(evidence: Evidence, settings: GateSettings) -> Condition:
    total = evidence.coverage.compared + evidence.legacy_failed
    if total == 0:
        return Condition("errors", UNKNOWN, "nothing was compared")
    extra = (evidence.new_failed - evidence.legacy_failed) / total
    words = (
        f"only new failed {plural(evidence.new_failed, 'time')}, only legacy {plural(evidence.legacy_failed, 'time')}; "
        f"new may fail in {share(settings.errors_extra_max)} of the requests more"
    )
    return Condition("errors", PASSED if extra <= settings.errors_extra_max else FAILED, words)


def _flagged(keys: tuple[Key, ...], settings: GateSettings) -> Condition:
    flagged = [key for key in keys if key.flagged]
    if len(flagged) <= settings.flagged_max:
        return Condition("flagged", PASSED, "no place differs more often than legacy differs from itself")
    named = ", ".join(key.pattern or "/" for key in flagged[:3]) + (" and others" if len(flagged) > 3 else "")  # noqa: PLR2004
    places = plural(len(flagged), "place differs", "places differ")
    return Condition("flagged", FAILED, f"{places} more often than legacy differs from itself: {named}")


def _self_proof(proof: SelfProof | None, settings: GateSettings) -> Iterator[Condition]:
    if proof is None or proof.detected.of == 0:
        yield Condition(
            "detection", UNKNOWN, "no fault was seeded on this route yet, so it is not known what the comparer finds"
        )
        return
    found, wanted = proof.detected, settings.detection_min
    words = (
        f"the comparer found {count(found.count)} of {count(found.of)} seeded faults, with 95 % confidence at least "
        f"{share(found.low)}; {share(wanted)} is wanted"
    )
    yield Condition("detection", PASSED if found.low >= wanted else FAILED if found.high < wanted else UNKNOWN, words)
    alarms, allowed = proof.false_alarms, settings.false_alarms_max
    words = (
        f"the comparer raised {plural(alarms.count, 'false alarm')} in {plural(alarms.of, 'pair')} without a fault; "
        f"at most {share(allowed)} is allowed"
    )
    yield Condition("false_alarms", PASSED if alarms.value <= allowed else FAILED, words)
