"""The differences of one comparison so far: a bounded list, in which unexplained ones have precedence."""

from __future__ import annotations

from typing import Any

from shadow.comparison import Difference, Kind


class Findings:
    """Differences as they are found.

    Attributes:
        listed: at most `listed_max`.
        unexplained: how many nothing accounts for, listed or not.
        more: unexplained ones that are not listed.
        rules_used: ids of the rules that explained or shaped something.
    """

    __slots__ = ("_explained_at", "_listed_max", "listed", "more", "rules_used", "unexplained")

    def __init__(self, listed_max: int) -> None:
        self.listed: list[Difference] = []
        self.unexplained = 0
        self.more = 0
        self.rules_used: set[str] = set()
        self._listed_max = listed_max
        self._explained_at: list[int] = []  # positions in `listed` that an unexplained difference may take

    def add(self, path: str, kind: Kind, legacy: Any, new: Any, pattern: str, *, explained_by: str = "") -> None:
        """Adds one difference, or counts it where the list is full."""
        difference = Difference(path, kind, legacy, new, pattern, explained_by)
        if explained_by:
            self.rules_used.add(explained_by)
            if len(self.listed) < self._listed_max:
                self._explained_at.append(len(self.listed))
                self.listed.append(difference)
            return
        self.unexplained += 1
        if len(self.listed) < self._listed_max:
            self.listed.append(difference)
        elif self._explained_at:
            self.listed[self._explained_at.pop()] = difference
        else:
            self.more += 1
