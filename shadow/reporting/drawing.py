"""The few drawings of the HTML report, as numbers for its template: nothing here is text from strangers."""

from __future__ import annotations

from typing import Final, NamedTuple

from shadow.comparison import Verdict
from shadow.reporting.measured import Share, Trend
from shadow.reporting.model import RouteReport

TREND_WIDTH: Final = 600
TREND_HEIGHT: Final = 56
#: Fewer steps of time show no trend.
TREND_POINTS_MIN: Final = 3
BAR_WIDTH: Final = 1000
#: What is there at all stays visible.
_WIDTH_MIN: Final = 4.0
_HEIGHT_MIN: Final = 1.5
_GAP: Final = 0.18

#: Verdict -> the colour class of its part of the bar.
TONES: Final = {
    Verdict.MATCH: "alike",
    Verdict.EXPLAINED: "explained",
    Verdict.BOTH_FAILED_ALIKE: "explained",
    Verdict.MISMATCH: "different",
    Verdict.NEW_FAILED: "failed",
}


class Part(NamedTuple):
    """One part of the verdict bar, from `x`, `width` wide, of `BAR_WIDTH`."""

    tone: str
    x: float
    width: float


class Column(NamedTuple):
    """One step of the trend: a column for the volume and one for the share that differs, from the bottom."""

    x: float
    width: float
    volume: float
    different: float


class Whisker(NamedTuple):
    """A share on a scale of 0 to 100: where it is, and where its interval begins and ends."""

    low: float
    value: float
    high: float


def verdict_bar(report: RouteReport) -> list[Part]:
    """The compared verdicts as parts of one bar."""
    parts = [(TONES[Verdict(one.verdict)], one.count) for one in report.verdicts if one.share is not None]
    total = sum(number for _, number in parts)
    if not total:
        return []
    widths = [max(_WIDTH_MIN, BAR_WIDTH * number / total) for _, number in parts]
    scale = BAR_WIDTH / sum(widths)
    bar, x = [], 0.0
    for (tone, _), width in zip(parts, widths, strict=True):
        bar.append(Part(tone, round(x, 2), round(width * scale, 2)))
        x += width * scale
    return bar


def trend_columns(trend: Trend) -> list[Column]:
    """The series as columns in `TREND_WIDTH` by `TREND_HEIGHT`."""
    if not trend.points:
        return []
    peak = max(point.compared for point in trend.points) or 1
    highest = peak_share(trend) or 1.0
    slot = min(TREND_WIDTH / len(trend.points), TREND_WIDTH / 20)
    columns = []
    for index, point in enumerate(trend.points):
        part = point.different / point.compared if point.compared else 0.0
        columns.append(
            Column(
                round(slot * (index + _GAP / 2), 2),
                round(slot * (1 - _GAP), 2),
                _height(point.compared / peak),
                _height(part / highest),
            )
        )
    return columns


def peak_share(trend: Trend) -> float:
    """The largest share that differs in one step."""
    return max((point.different / point.compared for point in trend.points if point.compared), default=0.0)


def peak_volume(trend: Trend) -> int:
    """The most requests that were compared in one step."""
    return max((point.compared for point in trend.points), default=0)


def _height(part: float) -> float:
    return round(max(_HEIGHT_MIN, part * TREND_HEIGHT), 2) if part > 0 else 0.0


def whisker(share: Share, scale: float) -> Whisker:
    """A share with its interval, 100 being `scale`."""

    def place(value: float) -> float:
        return round(min(100.0, 100 * value / scale), 2) if scale else 0.0

    return Whisker(place(share.low), place(share.value), place(share.high))
