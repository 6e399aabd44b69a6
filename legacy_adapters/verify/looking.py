"""Looks at keys that differ, each at one moment and in the order of reading that decides (`settling`)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from legacy_adapters.change import Entry
from legacy_adapters.engine.checkpoint import LIVE, LiveMark, stream_name
from legacy_adapters.engine.decision import OWED
from legacy_adapters.engine.model import Direction
from legacy_adapters.errors import MappingError
from legacy_adapters.record import Key
from legacy_adapters.verify.finding import Fault, Standpoint
from legacy_adapters.verify.remapping import Remapping
from legacy_adapters.verify.settling import captured_since, look


class Looks:
    """Looks at suspects of one direction; reads only.

    Args:
        direction: whose they are.
        counter: the other direction of the sync, where it goes both ways: what it has not applied yet is on its way.
        remapping: of the direction.
    """

    def __init__(self, direction: Direction, counter: Direction | None, remapping: Remapping) -> None:
        self._direction = direction
        self._counter = counter
        self._remapping = remapping

    async def at_sources(self, keys: Sequence[Key]) -> dict[Key, Standpoint]:
        """Source keys whose rows are not what the ledger names: lost, or on their way."""
        standing = await look(self._direction, keys)
        result: dict[Key, Standpoint] = {}
        for key in keys:
            if key in standing.held:
                result[key] = Standpoint(Fault.HELD)
            elif key in standing.pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            elif standing.differs(key):
                row = standing.rows.get(key)
                result[key] = Standpoint(Fault.LOST, (None if row is None else row.hash, standing.expected.get(key)))
            else:
                result[key] = Standpoint(Fault.IN_STEP)
        return result

    async def at_targets(self, keys: Sequence[Key]) -> dict[Key, Standpoint]:
        """Target keys whose rows are not what the ledger names: written by somebody else, or owed."""
        pending = await self._pending_in_target()
        async with self._direction.writes.transaction() as transaction:
            entries = await transaction.entries_by_target(keys)
            rows = await transaction.rows(keys)
        sources = {key: source for key in keys if (source := self._source_key(key, entries.get(key))) is not None}
        standing = await look(self._direction, list(sources.values()))
        held_here = await self._held_in_target(keys)
        result: dict[Key, Standpoint] = {}
        for key in keys:
            entry, row, source = entries.get(key), rows.get(key), sources.get(key)
            expected = None if entry is None else entry.target_hash
            found = None if row is None else row.hash
            if found == expected:
                result[key] = Standpoint(Fault.IN_STEP)
            elif source in standing.held or key in held_here:
                result[key] = Standpoint(Fault.HELD, other_key=source)
            elif expected == OWED or key in pending or source in standing.pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            else:
                known = None if entry is None else entry.source_key
                result[key] = Standpoint(Fault.ROGUE, (found, expected), known)
        return result

    def _source_key(self, key: Key, entry: Entry | None) -> Key | None:
        """The source's key for a target key: by the ledger, else by the mapping back, since it may be on its way."""
        if entry is not None:
            return entry.source_key
        if self._counter is not None:
            with contextlib.suppress(MappingError):
                return self._counter.mapper.key(key, {})
        return None

    async def _pending_in_target(self) -> frozenset[Key]:
        """Target keys with changes of their own that are still to be carried back."""
        if self._counter is None:
            return frozenset()
        stream = stream_name(self._counter.sync, self._counter.name, LIVE)
        mark = LiveMark.decode(await self._counter.writes.read_checkpoint(stream))
        return await captured_since(self._counter.reads, None if mark is None else mark.cursor)

    async def _held_in_target(self, keys: Sequence[Key]) -> frozenset[Key]:
        """Those target keys whose own change waits in the other direction's quarantine: a person decides."""
        if self._counter is None:
            return frozenset()
        async with self._counter.writes.transaction() as transaction:
            return frozenset(await transaction.held(keys))

    async def at_mapping(self, keys: Sequence[Key]) -> dict[Key, Standpoint]:
        """Source keys whose target rows are not what the mapping makes of theirs."""
        pending = await self._pending_in_target()
        standing = await look(self._direction, keys)
        columns = await self._remapping.columns_differing(standing.rows)
        targets = self._target_keys(keys)
        held_here = await self._held_in_target(list(targets.values()))
        result: dict[Key, Standpoint] = {}
        for key in keys:
            differing, target = columns.get(key, ()), targets.get(key)
            if target in pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            elif not differing:
                result[key] = Standpoint(Fault.IN_STEP)
            elif key in standing.held or target in held_here:
                result[key] = Standpoint(Fault.HELD, other_key=target)
            elif key in standing.pending:
                result[key] = Standpoint(Fault.UNSETTLED)
            else:
                result[key] = Standpoint(Fault.MAPPING, (standing.rows[key].hash, None), columns=differing)
        return result

    def _target_keys(self, keys: Sequence[Key]) -> dict[Key, Key]:
        """Where the mapping can tell it from the key alone, the key in the target."""
        targets: dict[Key, Key] = {}
        for key in keys:
            with contextlib.suppress(MappingError):
                targets[key] = self._direction.mapper.key(key, {})
        return targets
