"""Two syncs whose records belong together, parents and children, killed at any point while applications write."""

from __future__ import annotations

import asyncio
import random

from legacy_adapters.engine.model import SyncModel, SyncSettings
from legacy_adapters.engine.phases import Phase
from legacy_adapters.engine.stream import Surroundings
from legacy_adapters.engine.syncer import Syncer
from support.model_chaos import Done, Killed
from support.model_mapper import ModelMapper
from support.model_store import ModelStore

PARENT = {"id": "id", "NAME": "name"}
CHILD = {"id": "id", "PARENT": "parent", "SEQ": "seq"}
FAMILIES = 12
IDLE_TURNS = 60


class Families:
    """One random run: families come and go as a whole, and children change their parents, on one side each.

    Args:
        seed: of the run.
        both: families with odd numbers are written on the new side.
        writes: of applications.
        kills: of the syncer.
    """

    def __init__(self, seed, *, both=True, writes=60, kills=6):
        self.random = random.Random(seed)
        self.both, self.writes_left, self.kills_left = both, writes, kills
        self.idle = self.sequence = 0
        self.syncer: Syncer
        self.stores = {}
        for side, parent, child in (("legacy", PARENT, CHILD), ("new", PARENT.values(), CHILD.values())):
            parents, children = ModelStore(parent), ModelStore(child)
            children.parent = (parents, list(child)[1])
            parents.children = [(children, list(child)[1])]
            self.stores[side] = parents, children
        for number in range(FAMILIES):
            self.come(number)

    def side(self, number):
        side = "new" if self.both and number % 2 else "legacy"
        names = ("name", "parent", "seq") if side == "new" else ("NAME", "PARENT", "SEQ")
        return *self.stores[side], *names

    def come(self, number):
        parents, children, name, parent, sequence = self.side(number)
        self.sequence += 1
        parents.put(id=number, **{name: self.sequence})
        for child in range(self.random.randint(0, 3)):
            children.put(id=100 * number + child, **{parent: number, sequence: self.sequence})

    def leave(self, number):
        parents, children, _, parent, _ = self.side(number)
        for key, row in list(children.table().items()):
            if row[parent] == number:
                children.drop(*key)
        parents.drop(number)

    def move(self, number):
        _, children, _, parent, _ = self.side(number)
        mine = [key for key in children.table() if key[0] // 100 == number]
        others = [key for key in self.side(number)[0].table() if key[0] % 2 == number % 2 or not self.both]
        if mine and others:
            children.put(id=self.random.choice(mine)[0], **{parent: self.random.choice(others)[0]})

    def write(self):
        """An application writes, where no transaction has the stores."""
        number = self.random.randrange(FAMILIES)
        parents, children, *_ = self.side(number)
        if parents.lock.locked() or children.lock.locked() or not self.writes_left:
            return
        self.writes_left -= 1
        self.idle = 0
        there = parents.get(number) is not None
        action = self.random.choice([self.leave, self.move, self.come]) if there else self.come
        action(number)

    def at(self, point):
        """A point between two persisted states: others write here, or the process ends."""
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self.write()
        if self.kills_left and self.random.random() < 0.05:
            self.kills_left -= 1
            raise Killed(point)

    async def sleep(self, _):
        await asyncio.sleep(0)
        self.idle += 1
        self.write()
        if self.idle > IDLE_TURNS and not self.writes_left and self.at_rest():
            raise Done

    def at_rest(self):
        """Everything that was captured was read, and nothing is held back."""
        runners = self.syncer.runners.values()
        return all(runner.phase is Phase.LIVE for runner in runners) and all(
            not stream.held_back
            and (stream._ahead or stream.the_mark().cursor)["seq"] == stream.direction.reads.state.seq
            for runner in runners
            for stream in runner.streams
        )

    def models(self):
        (old_parents, old_children), (new_parents, new_children) = self.stores.values()
        found = []
        for name, old, new, forth in (
            ("children", old_children, new_children, CHILD), ("parents", old_parents, new_parents, PARENT),
        ):  # fmt: skip
            back = ModelMapper({after: before for before, after in forth.items()}) if self.both else None
            rows = self.random.choice([1, 3, 30])
            settings = SyncSettings(batch_rows=rows, chunk_rows=rows)
            parents = ("parents",) if name == "children" else ()
            found.append(SyncModel(name, old, new, ModelMapper(forth), back, settings, parents, parents))
        return found

    async def play(self):
        """Run until nothing moves any more, starting anew after every kill."""
        over = False
        while not over:
            self.syncer = Syncer(self.models(), Surroundings(clock=lambda: 0.0, at=self.at), sleep=self.sleep)
            try:
                await asyncio.wait_for(self.syncer.run(), 20)
            except* Killed:
                pass
            except* Done:
                over = True

    def check(self):
        """Both sides have the same families, and nothing was set aside for having come before what it needs."""
        for old, new in zip(*self.stores.values(), strict=True):
            assert [tuple(row.values()) for _, row in sorted(new.table().items())] == [
                tuple(row.values()) for _, row in sorted(old.table().items())
            ]
            for store in (old, new):
                assert not store.state.open
                assert not store.state.resolved
