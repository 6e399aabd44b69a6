"""From a sync of the configuration to what the engine runs: stores opened, mapping compiled, all prepared.

```
config ─▶ columns that the mapping uses ─▶ both tables reflected ─▶ mapping made to fit ─▶ ledgers, capture ─▶ SyncModel
```
Preparing makes tables and triggers of the sync's own in the stores, and nothing else; doing it again is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine import make_url

from legacy_adapters.engine.model import SyncModel, SyncSettings
from legacy_adapters.errors import MappingError, PlanError, StoreUnavailableError
from legacy_adapters.mapping.compiling import Mapping, compile_mapping
from legacy_adapters.record import Side
from legacy_adapters.sql.store import SqlSettings, SqlStore
from routes.config import Sync
from routes.config.sync_store import Poll


@dataclass(frozen=True, slots=True)
class Opened:
    """A sync whose stores are open.

    Attributes:
        sync: as configured.
        stores: of each side.
        mapping: compiled for the columns as they are.
    """

    sync: Sync
    stores: dict[Side, SqlStore]
    mapping: Mapping

    def reads(self, side: Side) -> bool:
        """Whether changes are taken from this side."""
        return self.mapping.toward(side.other) is not None

    async def prepare(self) -> None:
        """Make ledgers where something is written, and capture where something is read.

        Raises:
            PlanError: not every write can be captured, or the ledger is another sync's; says what to do.
            StoreUnavailableError: a store went away.
        """
        for side in Side:
            if self.reads(side):
                await self.stores[side.other].prepare(self.stores[side].key_kinds)
        for side in Side:
            if self.reads(side):
                await self.stores[side].install()

    async def adopt(self) -> bool:
        """Use the ledgers that are there, and make nothing; whether there are all.

        Raises:
            PlanError: a ledger is another sync's.
            StoreUnavailableError: a store went away.
        """
        there = [await self.stores[side.other].adopt(self.stores[side].key_kinds) for side in Side if self.reads(side)]
        return all(there)

    def model(self) -> SyncModel:
        """What the engine runs; `ordered` adds the parents."""
        given = self.sync
        settings = SyncSettings(
            batch_rows=given.batch_rows,
            chunk_rows=given.backfill.chunk_rows,
            rate_max=given.backfill.rate_max,
            lag_alarm_s=given.lag_alarm,
        )
        return SyncModel(
            given.name,
            self.stores[Side.LEGACY],
            self.stores[Side.NEW],
            self.mapping.to_new,
            self.mapping.to_legacy,
            settings,
        )

    async def close(self) -> None:
        """Give all connections back."""
        for store in self.stores.values():
            await store.close()


async def open_sync(sync: Sync, folder: Path) -> Opened:
    """Open both stores of a sync and compile its mapping for their columns; changes nothing.

    Args:
        sync: as configured.
        folder: of the configuration file, where Python functions are.

    Raises:
        MappingError: the mapping cannot be used.
        PlanError: a URL, table, key or column cannot be used; names the sync and the side.
        StoreUnavailableError: a store cannot be reached.
    """
    draft = compile_mapping(sync, folder=folder)
    async with AsyncExitStack() as stack:
        stores: dict[Side, SqlStore] = {}
        for side in Side:
            stores[side] = await _open(sync, side, draft)
            stack.push_async_callback(stores[side].close)
        kinds = {side: {kind.name: kind for kind in store.kinds} for side, store in stores.items()}
        mapping = compile_mapping(sync, folder=folder, legacy=kinds[Side.LEGACY], new=kinds[Side.NEW])
        stack.pop_all()
    return Opened(sync, stores, mapping)


async def _open(sync: Sync, side: Side, draft: Mapping) -> SqlStore:
    given = sync.legacy if side is Side.LEGACY else sync.new
    settings = SqlSettings(
        sync=sync.name,
        side=side,
        url=given.url,
        table=given.table if given.schema_ is None else f"{given.schema_}.{given.table}",
        key=tuple(given.key),
        columns=draft.columns(side),
        capture=_capture(sync, side) if draft.toward(side.other) is not None else "none",
        poll_overlap_s=_overlap_s(sync, side),
        duplicates=_duplicates(draft) if side is Side.NEW else (),
        poll_interval_s=_interval_s(sync, side),
    )
    where = f"sync {sync.name}, {side} store"
    try:
        return await SqlStore.open(settings)
    except PlanError as error:
        raise PlanError(f"{where}: {error}") from error
    except StoreUnavailableError as error:
        raise StoreUnavailableError(f"{where}: {error}") from error
    except MappingError as error:
        raise MappingError(f"{where}: {error}", field=error.field) from error


def _duplicates(draft: Mapping) -> tuple[str, ...]:
    """Columns of the new store whose duplicates are flagged, where the sync writes it: that is when it looks."""
    return draft.duplicates.columns if draft.duplicates is not None and draft.to_new is not None else ()


def _capture(sync: Sync, side: Side) -> str:
    way = sync.capture.legacy if side is Side.LEGACY else sync.capture.new
    return f"poll:{way.poll}" if isinstance(way, Poll) else "outbox"


def _interval_s(sync: Sync, side: Side) -> float:
    way = sync.capture.legacy if side is Side.LEGACY else sync.capture.new
    return way.interval if isinstance(way, Poll) else 0.0


def _overlap_s(sync: Sync, side: Side) -> float:
    way = sync.capture.legacy if side is Side.LEGACY else sync.capture.new
    return way.overlap if isinstance(way, Poll) else 0.0


def ordered(syncs: Sequence[Opened]) -> list[SyncModel]:
    """The models, each after its parents: by lookups, and by foreign keys between tables that are written.

    What would wait for itself waits for nobody: rejected children are tried again once their parents are there.
    """
    models = {one.sync.name: one.model() for one in syncs}
    parents = {one.sync.name: _parents(one, syncs) for one in syncs}
    after = {name: own - {name} for name, own in parents.items()}
    waiting = dict(after)
    free: set[str] = set()
    while waiting:
        ready = {name for name, own in waiting.items() if own <= free}
        if not ready:  # a circle: the first of them begins
            ready = {next(iter(waiting))}
            after[next(iter(ready))] &= free
        free |= ready
        waiting = {name: own for name, own in waiting.items() if name not in ready}
    return [
        replace(model, after=tuple(sorted(after[name])), parents=tuple(sorted(parents[name])))
        for name, model in models.items()
    ]


def _parents(child: Opened, syncs: Sequence[Opened]) -> set[str]:
    """The syncs whose records those of `child` need, itself where its table refers to itself."""
    ways = [way for way in (child.mapping.to_new, child.mapping.to_legacy) if way is not None]
    found = {lookup.sync for way in ways for lookup in way.lookups}
    for side in Side:
        if child.reads(side.other):
            found |= {parent.sync.name for parent in syncs if _refers(child, parent, side)}
    return found & {one.sync.name for one in syncs}


def _refers(child: Opened, parent: Opened, side: Side) -> bool:
    """Whether the child's table of that side has a foreign key to the parent's."""
    shape = parent.stores[side].shape
    names = {shape.table.lower(), f"{shape.schema}.{shape.table}".lower()}
    referred = {key.referred_table.lower() for key in child.stores[side].shape.references}
    return bool(names & referred) and _database(parent, side) == _database(child, side)


def _database(one: Opened, side: Side) -> tuple[object, ...]:
    """What a URL leads to, whoever the user is."""
    url = make_url((one.sync.legacy if side is Side.LEGACY else one.sync.new).url)
    return url.get_backend_name(), url.host, url.port, url.database
