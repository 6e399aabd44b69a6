"""Verification's view of a store in memory."""

from __future__ import annotations

from contextlib import asynccontextmanager

from legacy_adapters.connector import Checksum, Listed
from support.model_store import ModelStore, row_hash


class ModelAudit:
    """The contract of `Audit` over one state."""

    def __init__(self, state):
        self._state = state

    def _all(self, listed):
        if listed is Listed.ROWS:
            return {key: row_hash(row) for key, row in sorted(self._state.rows.items())}
        lines = [line for line in self._state.ledger.values() if not line.tombstone]
        if listed is Listed.LEDGER_SOURCE:
            return dict(sorted((line.source_key, line.source_hash) for line in lines))
        return dict(sorted((line.target_key, line.target_hash) for line in lines))

    def _between(self, listed, after, until):
        return {
            key: value
            for key, value in self._all(listed).items()
            if (after is None or key > after) and (until is None or key <= until)
        }

    async def bounds(self, listed, after, until, parts):
        keys = list(self._between(listed, after, until))
        step = max(1, -(-len(keys) // parts))
        return keys[step - 1 : -1 : step][: parts - 1]

    async def checksum(self, listed, after, until):
        part = self._between(listed, after, until)
        return Checksum(len(part), sum(value for value in part.values() if value is not None))

    async def hashes(self, listed, after, until):
        return self._between(listed, after, until)


class AuditedStore(ModelStore):
    """A store in memory that can be verified too."""

    @asynccontextmanager
    async def audit(self):
        self._reach()
        yield ModelAudit(self.state)
