"""What the comparer says of itself, every second."""

from __future__ import annotations

import time
from typing import Any

from shadow.keeping.batch import Batch


class Figures:
    """Counters of one comparer process, from its start.

    Attributes:
        store: what is kept: exchanges and bytes of their contents; None before the first look.
        waiting: batches that are not answered yet.
        failing: why the store takes nothing at the moment; "" where it does.
    """

    def __init__(self) -> None:
        self.store: tuple[int, int] | None = None
        self.waiting = 0
        self.failing = ""
        self._proofs: dict[str, list[int]] = {}  # [bugs put in, found, legacy's own answers, false alarms] by route
        self._failures: dict[str, int] = {}
        self._kept = self._removed = self._exchanges = 0
        self._commit_s = 0.0

    def committed(self, batch: Batch, took_s: float) -> None:
        """A batch is stored."""
        self._exchanges += batch.exchanges
        self._kept += len(batch.kept)
        self._commit_s += took_s
        for (route, _, mutation), (injected, found) in batch.self_proofs.items():
            proof = self._proofs.setdefault(route, [0, 0, 0, 0])
            at = 0 if mutation else 2
            proof[at] += injected
            proof[at + 1] += found

    def failed(self, reason: str) -> None:
        """The store could not be written."""
        self.failing = reason
        self._failures[reason] = self._failures.get(reason, 0) + 1

    def recovered(self) -> None:
        """The store takes what comes again."""
        self.failing = ""

    def removed(self, exchanges: int) -> None:
        """Retention has removed so many."""
        self._removed += exchanges

    def keep_only(self, routes: set[str]) -> None:
        """Forget routes that are no longer configured."""
        for name in self._proofs.keys() - routes:
            del self._proofs[name]

    def snapshot(self) -> dict[str, Any]:
        """As JSON values."""
        kept, size = self.store or (None, None)
        return {
            "proofs": {route: list(counts) for route, counts in self._proofs.items()},
            "store_failures": dict(self._failures),
            "exchanges": self._exchanges,
            "kept": self._kept,
            "removed": self._removed,
            "stored": kept,
            "stored_bytes": size,
            "waiting": self.waiting,
            "failing": self.failing,
            "commit_seconds": self._commit_s,
            "cpu_seconds": time.process_time(),
        }
