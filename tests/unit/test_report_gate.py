"""The gate: each condition by itself, at its border, and what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shadow.reporting.building import make_share
from shadow.reporting.findings import Key
from shadow.reporting.gate import Evidence, GateSettings, judge
from shadow.reporting.judgement import Outcome, State
from shadow.reporting.measured import ArmLatency, ClassCoverage, Coverage, Latency, LeftOut, SelfProof

FAST = ArmLatency(5000, 0.010, 0.020, 0.100)
GOOD = Evidence(
    coverage=Coverage(5000, 5000, (), (ClassCoverage("2xx", 5000, 0),), (ClassCoverage("json", 5000, 0),)),
    different=make_share(0, 5000),
    new_failed=0,
    legacy_failed=0,
    latency=Latency(FAST, FAST, 1.0, 1.0, 1.0),
    keys=(),
    self_proof=SelfProof(make_share(400, 400), make_share(0, 400), ()),
)


def compared(count: int, different: int = 0) -> Evidence:
    coverage = replace(GOOD.coverage, mirrored=count, compared=count, statuses=(), media=())
    return replace(GOOD, coverage=coverage, different=make_share(different, count))


def left_out(stage: str, reason: str, count: int) -> Evidence:
    return replace(
        GOOD, coverage=replace(GOOD.coverage, mirrored=5000 + count, left_out=(LeftOut(stage, reason, count, ""),))
    )


def media(*classes: ClassCoverage) -> Evidence:
    return replace(GOOD, coverage=replace(GOOD.coverage, media=classes))


def new_latency(p50_s: float, p99_s: float) -> Evidence:
    return replace(GOOD, latency=Latency(FAST, ArmLatency(5000, p50_s, 0.02, p99_s), None, None, None))


def proof(found: int, of: int, alarms: int = 0, pairs: int = 400) -> Evidence:
    return replace(GOOD, self_proof=SelfProof(make_share(found, of), make_share(alarms, pairs), ()))


JSON = ClassCoverage("json", 4900, 0)
KEY = Key("/total", "value", 40, 1, 8.0, flagged=True)

TABLE = [
    ("everything holds", GOOD, {}, State.READY, {}),
    ("one comparison too few", compared(999), {"different_max": 0.01}, State.TOO_EARLY, {"comparisons": "unknown"}),
    ("just enough", compared(1000), {}, State.READY, {}),
    ("nothing", compared(0), {}, State.TOO_EARLY, {"comparisons": "unknown", "different": "unknown",
                                                   "coverage": "unknown", "errors": "unknown"}),
    ("no difference in too few to be sure", compared(600), {"comparisons_min": 100}, State.TOO_EARLY,
     {"different": "unknown"}),
    ("differs surely", compared(5000, 100), {}, State.NOT_READY, {"different": "failed"}),
    ("differs within what is allowed", compared(100_000, 400), {}, State.READY, {}),
    ("within, and not yet surely", compared(1000, 4), {}, State.TOO_EARLY, {"different": "unknown"}),
    ("too much lost", left_out("lost", "comparer_down", 600), {}, State.NOT_READY, {"coverage": "failed"}),
    ("a rate that was wanted", left_out("shed", "rate", 600_000), {}, State.READY, {}),
    ("a media type never compared", media(JSON, ClassCoverage("binary", 0, 200)), {}, State.NOT_READY,
     {"coverage_media": "failed"}),
    ("a media type hardly compared", media(JSON, ClassCoverage("binary", 29, 200)), {}, State.NOT_READY,
     {"coverage_media": "failed"}),
    ("a media type of which there is little", media(JSON, ClassCoverage("binary", 0, 20)), {}, State.READY, {}),
    ("a rare one on a quiet route", media(ClassCoverage("json", 900, 0), ClassCoverage("binary", 11, 0)), {},
     State.TOO_EARLY, {"coverage_media": "unknown"}),
    ("slower median", new_latency(0.0161, 0.1), {}, State.NOT_READY, {"latency_p50": "failed"}),
    ("slower at the end", new_latency(0.01, 0.151), {}, State.NOT_READY, {"latency_p99": "failed"}),
    ("slower by a factor that is allowed", new_latency(0.0149, 0.149), {}, State.READY, {}),
    ("slower by little in absolute terms", new_latency(0.0149, 0.1), {"latency_p50_factor": 1.0}, State.READY, {}),
    ("fails more often", replace(GOOD, new_failed=6), {}, State.NOT_READY, {"errors": "failed"}),
    ("fails as often as legacy", replace(GOOD, new_failed=60, legacy_failed=60), {}, State.READY, {}),
    ("a flagged place", replace(GOOD, keys=(KEY,)), {}, State.NOT_READY, {"flagged": "failed"}),
    ("a flagged place that is allowed", replace(GOOD, keys=(KEY,)), {"flagged_max": 1}, State.READY, {}),
    ("never proven", replace(GOOD, self_proof=None), {}, State.TOO_EARLY, {"detection": "unknown"}),
    ("proven too little", proof(20, 20), {}, State.TOO_EARLY, {"detection": "unknown"}),
    ("faults are missed", proof(300, 400), {}, State.NOT_READY, {"detection": "failed"}),
    ("false alarms", proof(400, 400, 5), {}, State.NOT_READY, {"false_alarms": "failed"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("evidence", "settings", "state", "broken"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_gate(evidence: Evidence, settings: dict[str, float], state: State, broken: dict[str, str]) -> None:
    judgement = judge(evidence, replace(GateSettings(), **settings))  # type: ignore[arg-type]
    assert judgement.state is state
    assert {one.name: str(one.outcome) for one in judgement.in_the_way} == broken


def test_broken_conditions_come_before_unknown_ones() -> None:
    evidence = replace(compared(10, 5), keys=(KEY,))
    outcomes = [one.outcome for one in judge(evidence, GateSettings()).in_the_way]
    assert outcomes == sorted(outcomes, key=[Outcome.FAILED, Outcome.UNKNOWN].index)


def test_conditions_say_what_was_wanted_and_what_was_found() -> None:
    words = {one.name: one.words for one in judge(compared(5000, 100), GateSettings()).conditions}
    assert words["different"] == (
        "new differs in 2 % of the compared requests, with 95 % confidence in at most 2.4 %; at most 0.5 % is allowed"
    )
    assert words["comparisons"] == "5,000 requests were compared; 1,000 are wanted"
