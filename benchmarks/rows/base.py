"""What a row of the benchmark is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.results import Bar

NOT_MEASURED = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """A metric as it is printed."""

    key: str
    title: str
    digits: int = 0

    def text(self, values: Mapping[str, float]) -> str:
        """The figure, or a dash where it was not measured."""
        return f"{values[self.key]:,.{self.digits}f}" if self.key in values else NOT_MEASURED


class Row(ABC):
    """One kind of work: who takes part, how it is measured, what is printed, and the bars on it."""

    def __init__(self, name: str, title: str, entrants: Sequence[str], bars: Sequence[Bar] = ()) -> None:
        self.name = name
        self.title = title
        self.entrants = tuple(entrants)
        self.bars = tuple(bars)

    @property
    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """The metrics that `measure` returns, as they are printed."""

    @property
    def running(self) -> tuple[str, ...]:
        """The entrants that must be up through the round; a row that starts its own has none."""
        return self.entrants

    @abstractmethod
    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """Measure one entrant once.

        Raises:
            InvalidError: what was measured must not be believed.
            MissingError: the entrant's program is not installed.
        """
