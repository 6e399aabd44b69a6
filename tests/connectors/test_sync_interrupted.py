"""What happens to the stores behind a sync's back: capture made anew, tables emptied, backups brought back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from legacy_adapters.engine.backfill import Backfill
from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.engine.throttle import Throttle
from legacy_adapters.opening import open_sync
from routes.config import Sync
from support.sync_stores import Kind

TABLE = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(40), version bigint NOT NULL DEFAULT 1)"


def configured(legacy: Kind, new: Kind, **settings: Any) -> Sync:
    return Sync.model_validate(
        {
            "name": "people",
            "legacy": {"url": legacy.url, "table": "t", "key": ["id"]},
            "new": {"url": new.url, "table": "t", "key": ["id"]},
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


@pytest.fixture(params=["outbox", {"poll": "version"}])
def capture(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_changes_after_capture_was_made_anew_are_not_taken_for_old_ones(
    kind: Kind, sqlite: Kind, capture: Any, tmp_path: Path
) -> None:
    await kind.run(TABLE, "INSERT INTO t (id, name) VALUES (1, 'a')")
    await sqlite.run(TABLE)
    sync = configured(kind, sqlite, capture={"legacy": capture})
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        for number in range(2, 9):
            await kind.run(f"UPDATE t SET name = 'n{number}', version = {number} WHERE id = 1")
            await way.follow()
        assert await sqlite.run("SELECT name FROM t") == [("n8",)]
        await Operations([way.stream]).copy_again("to_new")
        if capture == "outbox":
            await way.direction.reads.uninstall()  # type: ignore[attr-defined]
            await way.direction.reads.install()  # type: ignore[attr-defined]
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        await kind.run("UPDATE t SET name = 'after', version = 20000 WHERE id = 1")
        await way.follow()
    assert await sqlite.run("SELECT name FROM t") == [("after",)]
