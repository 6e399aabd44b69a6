"""A conflict that a person settles while the process may die: on real stores, of which one commits before the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.runner import SyncRunner
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.opening import open_sync, ordered
from legacy_adapters.record import Side
from routes.config import Sync
from support.model_chaos import Killed
from support.sync_stores import Kind
from support.waits import eventually

TABLE = "CREATE TABLE people (id integer NOT NULL PRIMARY KEY, name varchar(20))"


@pytest_asyncio.fixture
async def sync(mariadb: Kind, postgresql: Kind) -> Sync:
    await mariadb.run(TABLE)
    await postgresql.run(TABLE)
    sides = {
        name: {"url": kind.url, "table": "people", "key": ["id"]}
        for name, kind in (("legacy", mariadb), ("new", postgresql))
    }
    fields = [{"legacy": name, "new": name} for name in ("id", "name")]
    authority = {"default": "none"}
    return Sync.model_validate({"name": "s", **sides, "direction": "both", "fields": fields, "authority": authority})


@asynccontextmanager
async def streams_of(sync: Sync, at: Callable[[str], None] = lambda _: None) -> AsyncIterator[list[Stream]]:
    """What a process of its own would have of the sync."""
    opened = await open_sync(sync, Path())
    try:
        await opened.prepare()
        (model,) = ordered([opened])
        streams = SyncRunner(model, Surroundings(at=at)).streams
        for stream in streams:
            if not await stream.load():
                await stream.begin()
        yield list(streams)
    finally:
        await opened.close()


async def stepped(streams: list[Stream]) -> None:
    """Until nothing moves any more."""
    while sum([(await stream.step()).changes for stream in streams]):
        pass


async def held(sync: Sync) -> dict[str, int]:
    """Open quarantine of each direction."""
    async with streams_of(sync) as streams:
        counts = {one.direction.name: await one.direction.writes.quarantine_counts() for one in streams}
    return {name: sum(reasons.values()) for name, reasons in counts.items()}


@pytest.mark.parametrize("winner", list(Side))
@pytest.mark.parametrize("point", ["take.applied", "take.committed"])
async def test_conflict_whose_settling_is_killed_is_settled_by_taking_it_again(
    sync: Sync, mariadb: Kind, postgresql: Kind, winner: Side, point: str
) -> None:
    async with streams_of(sync) as streams:
        await mariadb.run("INSERT INTO people VALUES (1, 'a')")
        await eventually(lambda: _arrived(streams, postgresql), 20)
        await mariadb.run("UPDATE people SET name = 'legacy'")
        await postgresql.run("UPDATE people SET name = 'new'")
        await stepped(streams)
    assert await held(sync) == {"to_new": 1, "to_legacy": 1}

    def at(name: str) -> None:
        if name == point:
            raise Killed(name)

    async with streams_of(sync, at) as streams:
        with pytest.raises(Killed):
            await Operations(streams).take(winner, (1,), by="ann")
    written = point == "take.committed"
    assert await held(sync) == {f"to_{winner.other}": 0 if written else 1, f"to_{winner}": 1}
    async with streams_of(sync) as streams:
        await Operations(streams).take(winner, (1,), by="ann")
        for stream in streams:
            await stream.load()
        await stepped(streams)
    assert await held(sync) == {"to_new": 0, "to_legacy": 0}
    for kind in (mariadb, postgresql):
        assert await kind.run("SELECT name FROM people") == [(str(winner),)]


async def _arrived(streams: list[Stream], kind: Kind) -> bool:
    await stepped(streams)
    return bool(await kind.run("SELECT id FROM people"))
