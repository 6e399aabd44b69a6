"""The mapping of a direction computed again, and held against what the target has."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.stream import Finder
from legacy_adapters.errors import MappingError
from legacy_adapters.record import Key, Row, Stored


class Remapping:
    """Maps rows of the source again.

    Args:
        direction: whose mapping it is.
        counter: the other direction of the sync, where it goes both ways.
        finder: answers the mapping's lookups.
    """

    def __init__(self, direction: Direction, counter: Direction | None, finder: Finder) -> None:
        self._direction = direction
        self._counter = counter
        self._finder = finder

    async def columns_differing(self, stored: Mapping[Key, Stored]) -> dict[Key, tuple[str, ...]]:
        """For each source key the target's columns that differ; all mapped ones where the target has no row."""
        direction, mapper = self._direction, self._direction.mapper
        found = await self._finder.find(direction, [one.row for one in stored.values()]) if mapper.lookups else {}
        mapped: dict[Key, Row] = {}
        for key, one in stored.items():
            with contextlib.suppress(MappingError):  # cannot be written at all: quarantine knows it
                mapped[key] = mapper.row(one.row, found)
        targets = {key: mapper.target_key(row) for key, row in mapped.items()}
        async with direction.writes.snapshot() as snapshot:
            there = await snapshot.rows(list(targets.values()))
        differing = {
            key: mapper.differing(row, there[targets[key]].row) if targets[key] in there else tuple(row)
            for key, row in mapped.items()
        }
        return {
            key: () if columns and self._came_back(stored[key], there.get(targets[key])) else columns
            for key, columns in differing.items()
        }

    def _came_back(self, source: Stored, target: Stored | None) -> bool:
        """Whether the source is what the other direction makes of the target: in step, by a mapping that loses."""
        if self._counter is None or target is None or self._counter.mapper.lookups:
            return False
        mapper = self._counter.mapper
        with contextlib.suppress(MappingError):
            return not mapper.differing(mapper.row(target.row, {}), source.row)
        return False
