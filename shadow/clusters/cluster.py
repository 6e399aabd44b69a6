"""One finding: all differences with the same fingerprint, counted, with a few to look at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Self

from shadow.clusters.fingerprint import fingerprint
from shadow.clusters.relations import relations
from shadow.comparison import Comparison, Difference, Kind

#: Examples of one cluster that are kept: the first ones.
EXAMPLES_MAX: Final = 10


class Example(NamedTuple):
    """One difference of a cluster.

    Attributes:
        exchange: id of the exchange.
        path: concrete.
        legacy: its value.
        new: its value.
    """

    exchange: str
    path: str
    legacy: Any
    new: Any


class Finding(NamedTuple):
    """One unexplained difference and the cluster that it belongs to.

    Attributes:
        fingerprint: of the cluster.
        relation: between the values; "" where none was found.
        difference: it.
    """

    fingerprint: str
    relation: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Cluster:
    """One finding.

    Attributes:
        fingerprint: 16 characters.
        route: name.
        path: normalised pattern.
        kind: how the answers differ there.
        relation: between the values; "" where none was found.
        count: exchanges that show it.
        first_at: Unix time in seconds of the first one.
        last_at: of the last one.
        examples: at most `EXAMPLES_MAX`.
    """

    fingerprint: str
    route: str
    path: str
    kind: Kind
    relation: str
    count: int
    first_at: float
    last_at: float
    examples: tuple[Example, ...] = ()

    def add(self, other: Self) -> Self:
        """Both as one; of the same fingerprint."""
        first, second = (self, other) if self.first_at <= other.first_at else (other, self)
        return replace(
            self,
            count=self.count + other.count,
            first_at=first.first_at,
            last_at=max(self.last_at, other.last_at),
            examples=(*first.examples, *second.examples)[:EXAMPLES_MAX],
        )


def findings(route: str, comparison: Comparison) -> tuple[Finding, ...]:
    """The unexplained differences of a comparison with their clusters, in their order."""
    left = comparison.unexplained
    if not left:
        return ()
    return tuple(
        Finding(fingerprint(route, difference, relation), relation, difference)
        for difference, relation in zip(left, relations(left), strict=True)
    )
