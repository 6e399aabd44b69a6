"""Two stores in memory with a sync between them, stepped by hand: what tests of the engine play on."""

from __future__ import annotations

from legacy_adapters.engine.backfill import Backfill
from legacy_adapters.engine.model import Direction, SyncSettings
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.engine.throttle import Throttle
from legacy_adapters.errors import MappingError
from legacy_adapters.record import Side
from support.model_mapper import ModelMapper
from support.model_store import ModelStore

RENAMED = {"id": "id", "NAME": "name", "MAIL": "mail"}
BACK = {new: old for old, new in RENAMED.items()}


def poison(row):
    if any(value == "poison" for value in row.values()):
        raise MappingError("cannot be read", field="name")
    return row


class Pair:
    """Two stores and the streams between them."""

    def __init__(self, *, both=False, authority=Side.LEGACY, fields=(), settings=None, **new):
        self.legacy = ModelStore(["id", "NAME", "MAIL"])
        self.new = ModelStore(["id", "name", "mail"], **new)
        back_fields = {BACK[name]: side for name, side in dict(fields).items()}
        to_new = ModelMapper(RENAMED, change=poison, authority=authority, fields=fields)
        to_legacy = ModelMapper(BACK, change=poison, authority=authority, fields=back_fields)
        settings = settings or SyncSettings()
        forth = Direction("s", Side.LEGACY, self.legacy, self.new, to_new, to_legacy if both else None)
        back = Direction("s", Side.NEW, self.new, self.legacy, to_legacy, to_new)
        self.to_new = Stream(forth, settings, Surroundings())
        self.to_legacy = Stream(back, settings, Surroundings())
        self.both = both

    async def begin(self):
        await self.to_new.begin()
        if self.both:
            await self.to_legacy.begin()
        return self

    async def settle(self, steps=20):
        """Step both ways until nothing moves any more."""
        for _ in range(steps):
            moved = (await self.to_new.step()).changes
            moved += (await self.to_legacy.step()).changes if self.both else 0
            if not moved:
                return
        raise AssertionError("the two directions never come to rest")

    def new_as_legacy(self):
        return {key: {BACK[name]: value for name, value in row.items()} for key, row in self.new.table().items()}

    def agree(self):
        return self.new_as_legacy() == self.legacy.table()


def throttle(store):
    return Throttle(None, store.pressure)


async def copied(pair, **settings):
    backfill = Backfill(pair.to_new, throttle(pair.new))
    while not await backfill.run(60):
        pass
    return backfill
