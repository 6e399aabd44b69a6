"""One place where answers can differ, and how: what was counted there, and what a report is told about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any, Final, NamedTuple

from shadow.comparison import Kind
from shadow.noise import learned as learning
from shadow.noise.evalue import log_e_value
from shadow.noise.learned import Learned

#: Times that legacy must have been seen to differ from itself at a place before noise explains anything there.
SEEN_MIN: Final = 3
#: Standard deviations of room that are left to chance: about one in 700 on one side, on either count.
_DEVIATIONS: Final = 3.0
_BUDGET_MIN: Final = 3.0

#: Labels of what is not about a value.
_LABELS: Final = {Kind.ORDER: "order", Kind.MISSING: "presence", Kind.EXTRA: "presence", Kind.LENGTH: "length"}


class Key(NamedTuple):
    """Where and how two answers can differ.

    Attributes:
        pattern: normalised, see `shadow.noise.patterns`.
        kind: of the difference.
    """

    pattern: str
    kind: Kind


class KeyReport(NamedTuple):
    """What is known about one key.

    Attributes:
        key: where and how.
        new_only: requests in which new differed from legacy's first answer more than legacy's second did.
        legacy_only: the other way round.
        moved: requests in which legacy's second answer differed from its first.
        asked: requests in which legacy was asked twice.
        what: what the place holds, as learned: `uuid4`, `order`; "" before legacy was seen to differ.
        log_e: natural logarithm of the evidence that new differs more often than legacy from itself.
        flagged: the evidence is enough, beside that of all keys of the route.
    """

    key: Key
    new_only: int
    legacy_only: int
    moved: int
    asked: int
    what: str
    log_e: float
    flagged: bool


@dataclass(slots=True)
class KeyState:
    """What was counted and learned at one key.

    Attributes:
        new_only: see `KeyReport`.
        legacy_only: see `KeyReport`.
        moved: see `KeyReport`.
        plain: requests without a second legacy answer in which new differed here, whether explained or not.
        learned: of legacy's values.
        log_e: of the counts as they are.
    """

    new_only: int = 0
    legacy_only: int = 0
    moved: int = 0
    plain: int = 0
    learned: Learned = field(default_factory=Learned)
    log_e: float = 0.0

    def count_pair(self, balance: int) -> None:
        """One request asked twice: above 0 new differed in more places than legacy from itself, below in fewer."""
        if balance > 0:
            self.new_only += 1
        elif balance < 0:
            self.legacy_only += 1
        else:
            return
        self.log_e = log_e_value(self.new_only, self.legacy_only)

    def label(self, kind: Kind) -> str:
        """What the place holds."""
        if not self.moved:
            return ""
        return _LABELS.get(kind) or self.learned.what

    def within_budget(self, asked: int, plain: int) -> bool:
        """Whether noise alone could make new differ as often as it did where legacy was asked once.

        The share of requests in which legacy differs from itself is at most Wilson's upper bound; from as many
        requests as there were, chance makes that many of them, and `_DEVIATIONS` more.
        """
        share = wilson_upper(self.moved, asked)
        expected = share * plain
        return self.plain <= expected + _DEVIATIONS * sqrt(expected) + _BUDGET_MIN

    def add(self, other: KeyState) -> None:
        """Count in what another process counted and learned."""
        self.new_only += other.new_only
        self.legacy_only += other.legacy_only
        self.moved += other.moved
        self.plain += other.plain
        self.learned = self.learned.join(other.learned)
        self.log_e = log_e_value(self.new_only, self.legacy_only)

    def to_json(self) -> list[Any]:
        """As JSON values."""
        return [self.new_only, self.legacy_only, self.moved, self.plain, learning.to_json(self.learned)]

    @classmethod
    def from_json(cls, state: list[Any], *, keyed: bool = True) -> KeyState:
        """What `to_json` wrote.

        Args:
            state: that.
            keyed: its digests are of the key that is in use.

        Raises:
            ValueError: it did not.
            TypeError: likewise.
        """
        new_only, legacy_only, moved, plain, learned = state
        log_e = log_e_value(new_only, legacy_only)
        return cls(new_only, legacy_only, moved, plain, learning.from_json(learned, keyed=keyed), log_e)


def wilson_upper(successes: int, trials: int) -> float:
    """The upper end of Wilson's interval of a share, `_DEVIATIONS` wide. Source: Wilson 1927."""
    if trials == 0:
        return 1.0
    share, square = successes / trials, _DEVIATIONS**2
    middle = share + square / (2 * trials)
    room = _DEVIATIONS * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return min(1.0, (middle + room) / (1 + square / trials))
