"""The hard case of `detection` as an SVG: share of the routes that are shown, by how many answers have the bug."""

from __future__ import annotations

from html import escape
from math import log10
from typing import NamedTuple

PANEL_WIDTH, PANEL_HEIGHT = 210, 150
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="sans-serif" '
    'font-size="12" fill="{ink}">'
)
LEFT, TOP, GAP = 50, 66, 46
TICKS = (0.0001, 0.001, 0.01, 0.1, 0.5)
OURS, DIFFYS, INK, LINES = "#0b6e4f", "#c1440e", "#222222", "#dddddd"


class Curve(NamedTuple):
    """What was shown at one noise.

    Attributes:
        noise: share of legacy's answers that move.
        points: (share of new's answers with the bug, share of routes that we show, … that Diffy's rule shows).
    """

    noise: float
    points: list[tuple[float, float, float]]


def plot(curves: list[Curve]) -> str:
    """One panel per noise, side by side."""
    width = LEFT + len(curves) * (PANEL_WIDTH + GAP)
    height = TOP + PANEL_HEIGHT + 54
    parts = [
        HEAD.format(width=width, height=height, ink=INK),
        "<title>Share of routes with a bug that are shown after 3,000 requests</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _legend(LEFT, 20, OURS, "the paired test"),
        _legend(LEFT + 150, 20, DIFFYS, "Diffy's rule"),
    ]
    for at, curve in enumerate(curves):
        parts.extend(_panel(curve, LEFT + at * (PANEL_WIDTH + GAP), first=at == 0))
    middle = LEFT + (width - LEFT) / 2
    parts.append(_text(middle, height - 10, "share of new's answers that have the bug", "middle"))
    return "\n".join([*parts, "</svg>", ""])


def _panel(curve: Curve, left: float, *, first: bool) -> list[str]:
    parts = [_text(left, TOP - 14, f"noise {curve.noise:.0%}", weight="bold")]
    for share in (0.0, 0.5, 1.0):
        y = TOP + PANEL_HEIGHT * (1 - share)
        parts.append(f'<line x1="{left}" x2="{left + PANEL_WIDTH}" y1="{y}" y2="{y}" stroke="{LINES}"/>')
        if first:
            parts.append(_text(left - 6, y + 4, f"{share:.0%}", "end"))
    rates = [rate for rate, _, _ in curve.points]
    low, high = log10(rates[0]), log10(rates[-1])

    def x(rate: float) -> float:
        return left + PANEL_WIDTH * (log10(rate) - low) / (high - low)

    parts.extend(
        _text(x(rate), TOP + PANEL_HEIGHT + 18, f"{100 * rate:g}%", "middle", size=10) for rate in TICKS
    )  # fmt: skip
    for colour, column in ((DIFFYS, 2), (OURS, 1)):
        points = " ".join(f"{x(point[0]):.1f},{TOP + PANEL_HEIGHT * (1 - point[column]):.1f}" for point in curve.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
    return parts


def _legend(x: float, y: float, colour: str, words: str) -> str:
    return f'<line x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>' + _text(
        x + 28, y + 4, words
    )


def _text(x: float, y: float, words: str, anchor: str = "start", *, weight: str = "normal", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}">'
        f"{escape(words)}</text>"
    )
