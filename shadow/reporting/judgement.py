"""Whether a route may be promoted, as plain records: the conditions of the gate, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a route is, in one word."""

    READY = "ready"  # every condition of the gate holds
    NOT_READY = "not_ready"  # at least one is broken
    TOO_EARLY = "too_early"  # nothing is broken, but too little was compared to say so


class Outcome(StrEnum):
    """What became of one condition of the gate."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # not enough is known yet; stands in the way as well


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition for the promotion of a route.

    Attributes:
        name: as in `GateSettings`, without its unit.
        outcome: what became of it.
        words: what was wanted and what was found, a sentence.
    """

    name: str
    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a route may be promoted, and why not."""

    state: State
    conditions: tuple[Condition, ...]

    @property
    def in_the_way(self) -> tuple[Condition, ...]:
        """The conditions that do not hold, broken ones first."""
        order = {Outcome.FAILED: 0, Outcome.UNKNOWN: 1}
        return tuple(
            sorted((one for one in self.conditions if one.outcome in order), key=lambda one: order[one.outcome])
        )
