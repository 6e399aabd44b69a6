"""A report in words: the headline of a route, why something was left out, what a kind of difference is."""

from __future__ import annotations

from typing import Final

from shadow.comparison import Verdict
from shadow.reporting.figures import count, interval, plural, share
from shadow.reporting.judgement import State
from shadow.reporting.measured import Coverage, SelfProof, Share

#: What each verdict means, for people who have never seen one.
VERDICTS: Final = {
    Verdict.MATCH: "both answers are the same",
    Verdict.EXPLAINED: "only differences that rules or learned noise account for",
    Verdict.BOTH_FAILED_ALIKE: "both failed in the same way",
    Verdict.MISMATCH: "new answers something else",
    Verdict.NEW_FAILED: "only new failed",
    Verdict.LEGACY_FAILED: "only legacy failed, so there is nothing to hold new against",
    Verdict.RACE: "the state changed between the two answers",
    Verdict.NOT_COMPARABLE: "there were no two whole answers to compare",
}

STATES: Final = {State.READY: "ready", State.NOT_READY: "not ready", State.TOO_EARLY: "too early to say"}

_REASONS: Final = {
    "too_large": "an answer was larger than body_bytes_max",
    "streamed": "an answer was a stream",
    "upgraded": "the connection was upgraded",
    "timed_out": "the mirrored request took longer than its timeout",
    "not_asked": "one of the arms was not asked",
    "nodes": "a document had more values than nodes_max",
    "too_deep": "a document was nested too deep to be read",
    "no_route": "the comparer did not know the route any more",
    "internal": "a defect of the comparer, see its log",
    "rate": "more requests than rate_max",
    "concurrency": "more requests under way than concurrency_max",
    "queue": "the comparer was behind",
    "comparer_down": "the comparer was not there",
    "memory": "captured bodies took all the memory that they may",
    "breaker": "the mirrored service failed too often to be asked",
    "descriptors": "the proxy had no file descriptor left",
    "incomplete": "the client left before it had its answer",
    "draining": "the proxy was stopping",
    "poison": "the comparer died of them",
    "store": "the state store did not take them",
    "stopped": "the proxy stopped",
    "defect": "a defect of the proxy, see its log",
    "worker": "the worker died",
    "malformed": "the comparer could not read them",
}
_STAGES: Final = {
    "shed": "not mirrored",
    "lost": "answered, and lost on the way to the comparer",
    "not_comparable": VERDICTS[Verdict.NOT_COMPARABLE],
    "race": VERDICTS[Verdict.RACE],
    "legacy_failed": VERDICTS[Verdict.LEGACY_FAILED],
}


def left_out_words(stage: str, reason: str) -> str:
    """Why requests were not counted: `not mirrored: the comparer was behind`."""
    if stage == "not_comparable" and reason in _REASONS:
        return _REASONS[reason]
    detail = _REASONS.get(reason, reason.replace("_", " "))
    return f"{_STAGES.get(stage, stage)}: {detail}" if detail else _STAGES.get(stage, stage)


def headline(coverage: Coverage, different: Share, kinds: int, state: State) -> str:
    """The whole of a route in one sentence, without its name.

    Args:
        coverage: what was compared.
        different: the share in which new differs.
        kinds: clusters that nothing accounts for.
        state: of the gate.
    """
    if coverage.compared == 0:
        return "nothing was compared" + (f", {plural(coverage.mirrored, 'request')} left out" * (coverage.mirrored > 0))
    requests = plural(coverage.compared, "compared request")
    if different.count == 0:
        found = f"no difference in {requests}"
    elif kinds == 0:
        found = f"new differs in {share(different.value)} of {requests}"
    else:
        found = f"{plural(kinds, 'kind')} of difference in {share(different.value)} of {requests}"
    return f"{found}; {STATES[state]}"


#: Why a report of a route has nothing in it.
IDLE: Final = (
    "No request of it was mirrored in this time: none came, or none of a method that is mirrored (GET, HEAD and the "
    "like, unless unsafe_methods says more), or sample left all of them out."
)


def idle(coverage: Coverage) -> bool:
    """Whether there is nothing to report of a route."""
    return not coverage.mirrored and not coverage.compared


def seen(exchanges: Share) -> str:
    """How often a kind of difference was seen: `41 exchanges, 0.85 % of those compared`."""
    return f"{plural(exchanges.count, 'exchange')}, {share(exchanges.value)} of those compared"


def proven(proof: SelfProof | None) -> str:
    """What the comparer finds of faults that are there for certain, and of those that are not."""
    found = None if proof is None else proof.detected
    alarms = None if proof is None else proof.false_alarms
    took = ""
    if alarms is not None and alarms.of:
        took = f"took {count(alarms.count)} of {_copies(alarms.of)} without one for different ({interval(alarms)})"
    if found is None or not found.of:
        return "No fault was seeded into a copy of a real answer yet" + (f"; the comparer {took}." if took else ".")
    seeded = plural(found.of, "fault that was", "faults that were")
    return (
        f"The comparer found {count(found.count)} of {seeded} seeded into copies of real answers ({interval(found)})"
        + (f", and {took}." if took else ".")
    )


def _copies(number: int) -> str:
    return plural(number, "copy", "copies")
