"""What a run found: samples by row, entrant and round; their medians; the bars judged."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OURS = "strangler"


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of one entrant in one round; `invalid` says why it must not be believed."""

    row: str
    entrant: str
    round: int
    values: Mapping[str, float]
    invalid: str | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A limit on a metric of ours: relative to another entrant's where `against` names one, else absolute.

    Without a limit the figure is printed and not judged.
    """

    metric: str
    limit: float | None
    against: str | None = None
    subject: str = OURS
    unit: str = "times"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a bar. `value` is None where nothing valid was measured."""

    row: str
    bar: Bar
    value: float | None
    invalid: str | None = None

    @property
    def verdict(self) -> str:
        """PASS, miss, or why neither."""
        if self.invalid is not None:
            return f"invalid: {self.invalid}"
        if self.value is None:
            return "not measured"
        if self.bar.limit is None:
            return "no bar"
        return "PASS" if self.value <= self.bar.limit else "miss"


def medians(samples: Sequence[Sample], row: str, entrant: str) -> dict[str, float]:
    """Median over the valid rounds of each metric."""
    valid = [sample.values for sample in samples if _is(sample, row, entrant) and sample.invalid is None]
    keys = valid[0] if valid else {}
    return {key: statistics.median(values[key] for values in valid) for key in keys}


def why_invalid(samples: Sequence[Sample], row: str, entrant: str) -> str | None:
    """The first reason not to believe this entrant's figures in this row, if there is one."""
    return next(
        (sample.invalid for sample in samples if _is(sample, row, entrant) and sample.invalid is not None), None
    )


def judge(samples: Sequence[Sample], row: str, bar: Bar) -> Judgement:
    """Compare round by round, then take the median: what disturbs a round disturbs both of its sides.

    One invalid sample on either side makes the judgement invalid: a proxy that failed now and then must not pass.
    """
    sides = [bar.subject] if bar.against is None else [bar.subject, bar.against]
    invalid = next((reason for side in sides if (reason := why_invalid(samples, row, side))), None)
    ours = _by_round(samples, row, bar.subject, bar.metric)
    if bar.against is not None:
        theirs = _by_round(samples, row, bar.against, bar.metric)
        ours = {number: value / theirs[number] for number, value in ours.items() if theirs.get(number)}
    return Judgement(row, bar, statistics.median(ours.values()) if ours else None, invalid)


def _by_round(samples: Sequence[Sample], row: str, entrant: str, metric: str) -> dict[int, float]:
    return {s.round: s.values[metric] for s in samples if _is(s, row, entrant) and s.invalid is None}


def _is(sample: Sample, row: str, entrant: str) -> bool:
    return sample.row == row and sample.entrant == entrant
