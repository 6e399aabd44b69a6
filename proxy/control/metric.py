"""What a metric is before it has values."""

from __future__ import annotations

from dataclasses import dataclass

#: Values of the labels, and the value.
Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric; a counter's name is shown with `_total` behind it."""

    kind: str
    labels: tuple[str, ...]
    help: str
