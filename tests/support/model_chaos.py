"""A sync on stores in memory that is killed at any point while applications write on both sides, and its history.

Each record is written on one side only, with a number that grows. So it is known what both stores must have in the end,
and the numbers that the sync wrote to the other side must grow as well: none lost, none doubled, none out of order.
"""

from __future__ import annotations

import asyncio
import random

from legacy_adapters.engine.model import SyncModel, SyncSettings
from legacy_adapters.engine.runner import SyncRunner
from legacy_adapters.engine.stream import Surroundings
from legacy_adapters.record import Side
from support.model_mapper import ModelMapper
from support.model_store import ModelStore

FORTH = {"id": "id", "SEQ": "seq", "NAME": "name"}
BACK = {new: old for old, new in FORTH.items()}
RECORDS = 12
IDLE_TURNS = 40


class Killed(BaseException):
    """kill -9: nothing that follows is run, nothing that was not committed is there."""


class Done(BaseException):
    """Everything was written and nothing moves any more."""


class Chaos:
    """One random run."""

    def __init__(self, seed, *, both=True, writes=40, kills=6, runner=SyncRunner):
        self.random = random.Random(seed)
        self.both, self.runner_class = both, runner
        self.legacy = ModelStore(["id", "SEQ", "NAME"])
        self.new = ModelStore(["id", "seq", "name"])
        self.writes_left, self.kills_left = writes, kills
        self.sequence = 0
        self.expected = {}
        self.idle = 0
        self.points = set()
        for _ in range(20):
            self.write()
        self.writes_left = writes

    def write(self):
        """An application writes, where no transaction has the store."""
        number = self.random.randrange(RECORDS)
        on_new = self.both and number % 2 == 1
        store = self.new if on_new else self.legacy
        if store.lock.locked() or not self.writes_left:
            return
        self.writes_left -= 1
        self.sequence += 1
        self.idle = 0
        if self.expected.get(number) and self.random.random() < 0.25:
            store.drop(number)
            self.expected[number] = None
        else:
            sequence = {"seq" if on_new else "SEQ": self.sequence}
            store.put(id=number, **sequence)
            self.expected[number] = self.sequence

    def at(self, point):
        """A point between two persisted states: others write here, or the process ends."""
        self.points.add(point)
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self.write()
        if self.kills_left and self.random.random() < 0.1:
            self.kills_left -= 1
            raise Killed(point)

    async def sleep(self, _):
        await asyncio.sleep(0)
        self.idle += 1
        self.write()
        if self.idle > IDLE_TURNS and not self.writes_left:
            raise Done

    def model(self):
        settings = SyncSettings(batch_rows=self.random.randint(1, 6), chunk_rows=self.random.randint(1, 6))
        to_legacy = ModelMapper(BACK) if self.both else None
        return SyncModel("s", self.legacy, self.new, ModelMapper(FORTH), to_legacy, settings)

    async def play(self):
        """Run until nothing moves any more, starting anew after every kill."""
        while True:
            around = Surroundings(clock=lambda: 0.0, at=self.at)
            try:
                await asyncio.wait_for(self.runner_class(self.model(), around, sleep=self.sleep).run(), 20)
            except Killed:
                continue
            except Done:
                return

    def check(self):
        """Both stores are what the history says, and what was written came once and in order."""
        alive = {(number,): sequence for number, sequence in self.expected.items() if sequence is not None}
        assert {key: row["SEQ"] for key, row in self.legacy.table().items()} == alive
        assert {key: row["seq"] for key, row in self.new.table().items()} == alive
        for store, column in ((self.legacy, "SEQ"), (self.new, "seq")):
            last = {}
            for key, row in store.state.writes:
                if row is not None:
                    assert row[column] > last.get(key, 0), f"{key} was written twice, or in the wrong order"
                    last[key] = row[column]
        assert not self.legacy.state.open
        assert not self.new.state.open


class Contested(Chaos):
    """Every record is written on both sides: conflicts are settled by authority, and both sides must end up equal."""

    def write(self):
        number = self.random.randrange(RECORDS)
        on_new = self.random.random() < 0.5
        store = self.new if on_new else self.legacy
        if store.lock.locked() or not self.writes_left:
            return
        self.writes_left -= 1
        self.sequence += 1
        self.idle = 0
        if store.get(number) and self.random.random() < 0.25:
            store.drop(number)
        else:
            column = self.random.choice(["seq", "name"])
            store.put(id=number, **{column if on_new else column.upper(): self.sequence})

    def model(self):
        settings = SyncSettings(batch_rows=self.random.randint(1, 6), chunk_rows=self.random.randint(1, 6))
        forth = ModelMapper(FORTH, fields={"name": Side.NEW})
        back = ModelMapper(BACK, fields={"NAME": Side.NEW})
        return SyncModel("s", self.legacy, self.new, forth, back, settings)

    def check(self):
        renamed = {key: {BACK[name]: value for name, value in row.items()} for key, row in self.new.table().items()}
        assert renamed == self.legacy.table()
        assert not self.legacy.state.open
        assert not self.new.state.open
