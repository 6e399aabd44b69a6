"""One direction of a configured sync between two stores of any kind, stepped by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from legacy_adapters.engine.backfill import Backfill
from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.engine.throttle import Throttle
from legacy_adapters.opening import open_sync
from routes.config import Sync
from support.sync_stores import Kind


def configured(source: Kind, target: Kind, **settings: Any) -> Sync:
    return Sync.model_validate(
        {
            "name": "people",
            "legacy": {"url": source.url, "table": "t", "key": ["id"]},
            "new": {"url": target.url, "table": "t", "key": ["id"]},
            "fields": [{"legacy": "id", "new": "id"}, {"legacy": "name", "new": "name"}],
            **settings,
        }
    )


class Way:
    """From legacy to new, stepped by hand."""

    def __init__(self, direction: Direction, stream: Stream) -> None:
        self.direction, self.stream = direction, stream

    async def copy(self) -> None:
        """Begin where it was not begun, and copy what is there."""
        if not await self.stream.load():
            await self.stream.begin()
        backfill = Backfill(self.stream, Throttle(None, self.direction.writes.pressure))
        if await backfill.load():
            return
        while not await backfill.run(60):
            pass

    async def follow(self) -> None:
        """Apply what was captured."""
        while (await self.stream.step()).changes:
            pass


@asynccontextmanager
async def opened_way(sync: Sync, folder: Path) -> AsyncIterator[Way]:
    opened = await open_sync(sync, folder)
    try:
        await opened.prepare()
        model = opened.model()
        (direction,) = model.directions()
        yield Way(direction, Stream(direction, model.settings, Surroundings()))
    finally:
        await opened.close()
