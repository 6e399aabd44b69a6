"""What was measured of a route, as plain records: shares, coverage, durations, self-proof, and all of it over time."""

from __future__ import annotations

from dataclasses import dataclass


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
