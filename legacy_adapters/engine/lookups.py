"""Lookups, answered from other syncs' ledgers: which record on the written side goes with this key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from legacy_adapters.engine.model import Direction, SyncModel
from legacy_adapters.errors import SyncError
from legacy_adapters.mapper import Found
from legacy_adapters.record import Key, Row, Side


class LedgerFinder:
    """Finds keys of records that other syncs have brought over.

    Args:
        models: all syncs by name; may be filled after this object was made.
    """

    def __init__(self, models: Mapping[str, SyncModel]) -> None:
        self._models = models

    async def find(self, direction: Direction, rows: Sequence[Row]) -> Found:
        """What the mapping of `direction` needs to map `rows`; keys that have no partner yet are missing.

        Raises:
            StoreUnavailableError: a ledger cannot be read.
        """
        found: dict[str, dict[Key, Key]] = {}
        for lookup in direction.mapper.lookups:
            keys = {tuple(row.get(column) for column in lookup.columns) for row in rows}
            wanted = [key for key in keys if None not in key]
            if wanted:
                pairs = await self._pairs(lookup.sync, direction.source, wanted)
                found.setdefault(lookup.sync, {}).update(pairs)
        return found

    async def _pairs(self, name: str, source: Side, keys: Sequence[Key]) -> dict[Key, Key]:
        model = self._models.get(name)
        if model is None:
            raise SyncError(f"a lookup names the sync {name}, which there is not")
        forth = model.to_new if source is Side.LEGACY else model.to_legacy
        back = model.to_legacy if source is Side.LEGACY else model.to_new
        pairs: dict[Key, Key] = {}
        if forth is not None:
            async with model.store(source.other).snapshot() as snapshot:
                lines = await snapshot.entries(keys)
            pairs = {key: line.target_key for key, line in lines.items() if not line.tombstone}
        missing = [key for key in keys if key not in pairs]
        if back is not None and missing:
            async with model.store(source).snapshot() as snapshot:
                lines = await snapshot.entries_by_target(missing)
            pairs |= {key: line.source_key for key, line in lines.items() if not line.tombstone}
        return pairs
