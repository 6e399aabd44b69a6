"""A store in memory with what the engine relies on: snapshots, transactions, constraints, capture, ledger, quarantine.

It is the fast model for property tests, where a real database would allow a hundred runs and this allows thousands. Every
state is immutable; a transaction works on a copy that replaces the state when it commits, and applications write between.
"""

from __future__ import annotations

import asyncio
import copy
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from legacy_adapters.change import Change, ChangeBatch, Operation, Rejection, Write
from legacy_adapters.connector import Capabilities
from legacy_adapters.errors import CaptureError, StoreUnavailableError
from legacy_adapters.record import Chunk, Stored


def row_hash(row):
    """64 signed bits that only this store's rows are compared by."""
    text = repr(sorted(row.items())).encode()
    return (zlib.crc32(text) << 32 | zlib.crc32(text[::-1])) - (1 << 63) + 1


@dataclass
class Event:
    seq: int
    key: tuple
    own: bool
    at: float


@dataclass
class State:
    rows: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    seq: int = 0
    pruned: int = 0
    ledger: dict = field(default_factory=dict)
    checkpoints: dict = field(default_factory=dict)
    open: dict = field(default_factory=dict)
    resolved: list = field(default_factory=list)
    writes: list = field(default_factory=list)  # what the sync wrote: (key, row or None), in order


def fork(state):
    return replace(
        state,
        rows=dict(state.rows),
        events=list(state.events),
        ledger=dict(state.ledger),
        checkpoints=dict(state.checkpoints),
        open=dict(state.open),
        resolved=list(state.resolved),
        writes=list(state.writes),
    )


class ModelStore:
    """One table with a key, unique columns, required columns and a parent table."""

    def __init__(self, columns, key=("id",), *, unique=(), required=(), parent=None, children=(), clock=lambda: 0.0):
        self.columns, self.key_names = tuple(columns), tuple(key)
        self.unique, self.required, self.parent = tuple(unique), tuple(required), parent
        #: Stores whose column refers to this one's rows, which cannot go before theirs.
        self.children = list(children)
        self.state = State()
        self.lock = asyncio.Lock()
        self.clock = clock
        self.away = False
        self.refuses: Callable[[dict], str | None] = lambda _: None
        self.loads = 0
        self.load_pressure = 0.0

    capabilities = Capabilities(True, True, True, True, True, tested=True)

    async def write_out(self, load):
        return load

    # -- what applications do

    def key_of(self, row):
        return tuple(row[name] for name in self.key_names)

    def put(self, **row):
        """An application inserts or updates a row; columns that it does not name are kept, or None."""
        key = self.key_of(row)
        full = dict.fromkeys(self.columns) | self.state.rows.get(key, {}) | row
        reason = self.refused(self.state, key, full)
        if reason:
            raise ValueError(reason)
        self.state = fork(self.state)
        self._set(self.state, key, full, own=False)

    def drop(self, *key):
        """An application deletes a row."""
        self.state = fork(self.state)
        self._set(self.state, key, None, own=False)

    def get(self, *key):
        return self.state.rows.get(key)

    def table(self):
        return dict(self.state.rows)

    def _set(self, state, key, row, *, own):
        if row is None:
            state.rows.pop(key, None)
        else:
            state.rows[key] = dict(row)
        state.seq += 1
        state.events.append(Event(state.seq, key, own, self.clock()))
        if own:
            state.writes.append((key, None if row is None else dict(row)))

    def refused(self, state, key, row):
        if any(row.get(name) is None for name in self.required):
            return "not_null"
        for name in self.unique:
            if row[name] is not None and any(
                other != key and values[name] == row[name] for other, values in state.rows.items()
            ):
                return "unique"
        if self.parent is not None:
            store, column = self.parent
            if row[column] is not None and (row[column],) not in store.state.rows:
                return "foreign_key"
        return self.refuses(row)

    def referred_to(self, key):
        return any((row[column],) == key for store, column in self.children for row in store.state.rows.values())

    # -- the protocol

    def _reach(self):
        if self.away:
            raise StoreUnavailableError("the store is away")

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[ModelSnapshot]:
        self._reach()
        yield ModelSnapshot(self, self.state)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ModelTransaction]:
        self._reach()
        async with self.lock:
            base = self.state
            transaction = ModelTransaction(self, fork(base))
            yield transaction
            self._reach()
            assert self.state is base, "an application wrote to a row that a transaction holds"
            self.state = transaction.state

    async def read_checkpoint(self, stream):
        self._reach()
        return copy.deepcopy(self.state.checkpoints.get(stream))

    async def quarantine(self, *, resolved, after, limit, reason=None):
        self._reach()
        rows = self.state.resolved if resolved else list(self.state.open.values())
        rows = [pair for pair in rows if reason in {None, pair[1].reason}]
        return [(number, one) for number, one in sorted(rows, key=lambda pair: pair[0]) if number > after][:limit]

    async def quarantine_counts(self, *, resolved=False):
        self._reach()
        rows = self.state.resolved if resolved else self.state.open.values()
        return dict(Counter(one.reason for _, one in rows))

    async def note_duplicates(self, keys):
        return

    async def count_duplicates(self):
        return None

    async def list_duplicates(self, *, after, limit):
        return []

    async def duplicates_of(self, key, limit):
        return []

    async def pressure(self):
        return self.load_pressure

    async def prune(self, cursor, limit):
        self._reach()
        self.state = fork(self.state)
        gone = [event for event in self.state.events if event.seq <= cursor["seq"]][:limit]
        self.state.events = self.state.events[len(gone) :]
        self.state.pruned = max([self.state.pruned, *(event.seq for event in gone)])
        return len(gone)

    async def close(self):
        return


class ModelSnapshot:
    def __init__(self, store, state):
        self.store, self.state = store, state

    async def changes(self, cursor, limit):
        await asyncio.sleep(0)
        self.store._reach()
        if cursor is None:
            return ChangeBatch((), {"seq": self.state.seq})
        if cursor["seq"] < self.state.pruned:
            raise CaptureError("events were pruned beyond the cursor")
        fresh = [event for event in self.state.events if event.seq > cursor["seq"]]
        taken = fresh[:limit]
        by_key = {}
        for event in taken:
            by_key.setdefault(event.key, []).append(event)
        changes = [
            Change(
                key,
                events[-1].seq,
                self._stored(key),
                echo=all(event.own for event in events),
                captured_at=events[0].at,
            )
            for key, events in by_key.items()
        ]
        seq = taken[-1].seq if taken else cursor["seq"]
        return ChangeBatch(
            tuple(sorted(changes, key=lambda change: change.position)), {"seq": seq}, more=len(fresh) > len(taken)
        )

    def _stored(self, key):
        row = self.state.rows.get(key)
        return None if row is None else Stored(key, dict(row), row_hash(row))

    async def chunk(self, after, limit):
        self.store._reach()
        keys = sorted(key for key in self.state.rows if after is None or key > after)[:limit]
        columns = self.store.columns
        rows = [tuple(self.state.rows[key][name] for name in columns) for key in keys]
        hashes = [row_hash(self.state.rows[key]) for key in keys]
        return Chunk.of_rows(columns, tuple(columns.index(name) for name in self.store.key_names), rows, hashes)

    async def rows(self, keys):
        return {key: self._stored(key) for key in keys if key in self.state.rows}

    async def entries(self, source_keys):
        return {key: self.state.ledger[key] for key in source_keys if key in self.state.ledger}

    async def entries_by_target(self, keys):
        return by_target(self.state.ledger.values(), keys)

    async def count(self):
        return len(self.state.rows)


def by_target(entries: Iterable, keys):
    wanted, found = set(keys), {}
    for entry in entries:
        if entry.target_key in wanted and (entry.target_key not in found or not entry.tombstone):
            found[entry.target_key] = entry
    return found


class ModelTransaction:
    def __init__(self, store, state):
        self.store, self.state = store, state

    def unkept(self, source_keys):
        return []

    async def fence(self, stream):
        return copy.deepcopy(self.state.checkpoints.get(stream))

    async def entries(self, source_keys):
        return {key: self.state.ledger[key] for key in source_keys if key in self.state.ledger}

    async def entries_by_target(self, keys):
        return {key: one for key, one in by_target(self.state.ledger.values(), keys).items() if not one.tombstone}

    async def rows(self, keys):
        found = {key: self.state.rows[key] for key in keys if key in self.state.rows}
        return {key: Stored(key, dict(row), row_hash(row)) for key, row in found.items()}

    async def load(self, load):
        state = fork(self.state)
        if any(key in state.ledger for key in load.source_keys):
            return False
        keys = []
        for values in load.rows:
            row = dict.fromkeys(self.store.columns) | dict(zip(load.columns, values, strict=True))
            key = self.store.key_of(row)
            if key in state.rows or self.store.refused(state, key, row):
                return False
            self.store._set(state, key, row, own=True)
            keys.append(key)
        for source_key, target_key, source_hash in zip(load.source_keys, keys, load.source_hashes, strict=True):
            from legacy_adapters.change import Entry

            state.ledger[source_key] = Entry(
                source_key, target_key, 0, source_hash, row_hash(state.rows[target_key]), load.mapping_version
            )
        self.state = state
        self.store.loads += 1
        return True

    async def write(self, writes):
        ordered = sorted(writes, key=lambda write: write.operation is not Operation.DELETE)
        return [rejection for write in ordered if (rejection := self._write(self.state, write)) is not None]

    def _write(self, state, write: Write):
        if write.operation is Operation.DELETE:
            if self.store.referred_to(write.key):
                return Rejection(write.key, "foreign_key", "is referred to", retry=True)
            self.store._set(state, write.key, None, own=True)
            return None
        if write.exists is False and write.key in state.rows:
            return Rejection(write.key, "unique", "key", retry=True)
        row = dict.fromkeys(self.store.columns) | state.rows.get(write.key, {}) | write.row
        reason = self.store.refused(state, write.key, row)
        if reason:
            return Rejection(write.key, reason, reason, retry=reason in {"unique", "foreign_key"})
        self.store._set(state, write.key, row, own=True)
        return None

    async def swap(self, writes):
        state = fork(self.state)
        for number, write in enumerate(writes):
            if write.key in state.rows:
                parked = dict.fromkeys(self.store.unique, f"parked-{number}")
                state.rows[write.key] = state.rows[write.key] | parked
        ordered = sorted(writes, key=lambda write: write.operation is not Operation.DELETE)
        rejections = [one for write in ordered if (one := self._write(state, write)) is not None]
        if not rejections:
            self.state = state
        return rejections

    async def record(self, entries, *, as_given=False):
        for entry in entries:
            row = self.state.rows.get(entry.target_key)
            computed = None if row is None else row_hash(row)
            self.state.ledger[entry.source_key] = entry if as_given else replace(entry, target_hash=computed)

    async def checkpoint(self, stream, cursor):
        self.state.checkpoints[stream] = copy.deepcopy(cursor)

    async def held(self, source_keys):
        return {key: self.state.open[key][1] for key in source_keys if key in self.state.open}

    async def hold(self, quarantined):
        for one in quarantined:
            number = self.state.open[one.source_key][0] if one.source_key in self.state.open else self._next()
            self.state.open[one.source_key] = (number, one)

    def _next(self):
        return 1 + max([number for number, _ in [*self.state.open.values(), *self.state.resolved]], default=0)

    async def release(self, source_keys, *, by, resolution, at):
        for key in source_keys:
            if key in self.state.open:
                number, one = self.state.open.pop(key)
                settled = replace(one, resolved_by=by, resolution=resolution, resolved_at=at)
                self.state.resolved.append((number, settled))
