"""A sync between two real databases, in a process that is killed at any point while applications write on both sides.

Each record is written on one side only, with a number that grows; so what both stores must have in the end is known. A
trigger on each side notes every row that is written there: the numbers of a record must grow on the other side too, each
once. So a change that is lost, doubled or out of order shows.

Processes are forked, so that a kill costs milliseconds: this module must be imported by a process that runs no event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from legacy_adapters.engine.model import SyncModel, SyncSettings
from legacy_adapters.engine.stream import Surroundings
from legacy_adapters.engine.syncer import Syncer
from legacy_adapters.record import Side
from legacy_adapters.sql.store import SqlSettings, SqlStore
from support.model_mapper import ModelMapper

RECORDS = 300
#: Where a process is killed: after how many passes of one of these points. Points that a run does not come to (it has begun
#: already, nothing is in quarantine) are given up after so many passes of any.
POINTS = (
    "begin.written",
    "begin.committed",
    "backfill.read",
    "backfill.changes_applied",
    "backfill.chunk_applied",
    "backfill.written",
    "backfill.committed",
    *["live.read", "live.fenced", "live.applied", "live.written", "live.committed"] * 3,
)
PASSES_MAX = 8
LIFE_MAX = 250
DRIVERS = {
    "postgresql": "postgresql+asyncpg",
    "mysql": "mysql+asyncmy",
    "mariadb": "mysql+asyncmy",
    "sqlite": "sqlite+aiosqlite",
}
FORTH = {"id": "id", "seq": "seq", "name": "name"}
TYPES = {
    "postgresql": "id integer PRIMARY KEY, seq bigint NOT NULL, name varchar(40)",
    "mysql": "id integer PRIMARY KEY, seq bigint NOT NULL, name varchar(40)",
    "sqlite": "id integer PRIMARY KEY, seq bigint NOT NULL, name varchar(40)",
}


@dataclass(frozen=True)
class Run:
    """One random run."""

    seed: int
    legacy: str
    new: str
    folder: Path
    writes_max: int = 5000
    kills: int = 6

    @property
    def table(self) -> str:
        return f"chaos_{self.seed}"

    def url(self, side: Side) -> str:
        return self.legacy if side is Side.LEGACY else self.new

    @property
    def history(self) -> Path:
        return self.folder / f"history-{self.seed}.json"

    @property
    def enough(self) -> Path:
        """Tells the writer to stop, once it is there."""
        return self.folder / f"enough-{self.seed}"


def kind(url: str) -> str:
    scheme = url.partition("://")[0].partition("+")[0]
    return "mysql" if scheme == "mariadb" else scheme


def engine(url: str) -> AsyncEngine:
    scheme, _, rest = url.partition("://")
    return create_async_engine(f"{DRIVERS[scheme.partition('+')[0]]}://{rest}")


# -- the tables


async def prepare(run: Run) -> None:
    """Tables with some rows on their own side, a note of every write, capture and ledgers."""
    rng = random.Random(run.seed)
    expected: dict[int, int] = {}
    for side in Side:
        database = engine(run.url(side))
        async with database.begin() as connection:
            for statement in ddl(kind(run.url(side)), run.table):
                await connection.execute(text(statement))
            for number in range(RECORDS):
                if owner(number) is side and rng.random() < 0.5:
                    expected[number] = number + 1
                    row = {"id": number, "seq": number + 1}
                    await connection.execute(text(f"INSERT INTO {run.table} VALUES (:id, :seq, 'a')"), row)
        await database.dispose()
    run.history.write_text(json.dumps(expected))
    stores = await opened(run)
    for side, store in stores.items():
        await store.prepare(stores[side.other].key_kinds)
        await store.install()
    for store in stores.values():
        await store.close()


def ddl(database: str, table: str) -> list[str]:
    """Its table, the table of notes and the triggers that write them."""
    options = " ENGINE=InnoDB" if database == "mysql" else ""
    serial = {"postgresql": "bigserial PRIMARY KEY", "mysql": "bigint AUTO_INCREMENT PRIMARY KEY"}
    number = serial.get(database, "integer PRIMARY KEY AUTOINCREMENT")
    made = [
        f"CREATE TABLE {table} ({TYPES[database]}){options}",
        f"CREATE TABLE {table}_notes (n {number}, id integer, seq bigint){options}",
    ]
    note = f"INSERT INTO {table}_notes (id, seq) VALUES (NEW.id, NEW.seq)"
    if database == "postgresql":
        made += [
            f"CREATE FUNCTION {table}_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {note}; RETURN NULL; END $$",
            f"CREATE TRIGGER {table}_note AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_note()",
        ]
    else:
        body = note if database == "mysql" else f"BEGIN {note}; END"
        made += [
            f"CREATE TRIGGER {table}_note_{event} AFTER {event} ON {table} FOR EACH ROW {body}"
            for event in ("insert", "update")
        ]
    return made


def owner(number: int) -> Side:
    return Side.LEGACY if number % 2 == 0 else Side.NEW


async def opened(run: Run) -> dict[Side, SqlStore]:
    return {
        side: await SqlStore.open(
            SqlSettings(run.table, side, run.url(side), run.table, ("id",), ("id", "seq", "name"))
        )
        for side in Side
    }


# -- the processes


async def write(run: Run) -> None:
    """Applications write: one, several rows in a transaction, some of which are rolled back, with pauses."""
    rng = random.Random(run.seed + 1_000_000)
    expected = {int(number): sequence for number, sequence in json.loads(run.history.read_text()).items()}
    engines = {side: engine(run.url(side)) for side in Side}
    sequence = 1000
    left = run.writes_max
    while left > 0 and not run.enough.exists():
        side = rng.choice(list(Side))
        numbers = rng.sample([number for number in range(RECORDS) if owner(number) is side], rng.randint(1, 3))
        changed: dict[int, int | None] = {}
        async with engines[side].connect() as connection:
            transaction = await connection.begin()
            for number in sorted(numbers):
                sequence += 1
                changed[number] = await write_one(connection, run.table, number, sequence, expected, rng)
            await asyncio.sleep(rng.choice([0, 0, 0.002, 0.01]))
            if rng.random() < 0.15:
                await transaction.rollback()
                continue
            await transaction.commit()
        for number, value in changed.items():
            if value is None:
                expected.pop(number, None)
            else:
                expected[number] = value
        left -= 1
        await asyncio.sleep(rng.choice([0, 0.001, 0.005]))
    for database in engines.values():
        await database.dispose()
    run.history.write_text(json.dumps(expected))


async def write_one(connection, table, number, sequence, expected, rng):  # noqa: PLR0917
    row = {"id": number, "seq": sequence, "name": rng.choice(["a", "é", "", None])}
    if number not in expected:
        await connection.execute(text(f"INSERT INTO {table} VALUES (:id, :seq, :name)"), row)
    elif rng.random() < 0.2:
        await connection.execute(text(f"DELETE FROM {table} WHERE id = :id"), {"id": number})
        return None
    else:
        await connection.execute(text(f"UPDATE {table} SET seq = :seq, name = :name WHERE id = :id"), row)
    return sequence


async def sync(run: Run, *, kill_seed: int | None, stay: bool) -> None:
    """Run the sync; end by a kill of its own at a random point, or, unless it is to stay, when nothing moves."""
    structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])
    rng = random.Random(kill_seed)
    left = {"any": LIFE_MAX, rng.choice(POINTS): rng.randint(1, PASSES_MAX)} if kill_seed is not None else {}

    def at(point: str) -> None:
        for name in ("any", point):
            if name in left:
                left[name] -= 1
                if left[name] <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    stores = await opened(run)
    for side, store in stores.items():
        await store.prepare(stores[side.other].key_kinds)
    settings = SyncSettings(batch_rows=rng.randint(1, 50), chunk_rows=rng.randint(5, 60))
    model = SyncModel(
        run.table, stores[Side.LEGACY], stores[Side.NEW], ModelMapper(FORTH), ModelMapper(FORTH), settings
    )
    syncer = Syncer([model], Surroundings(at=at))
    task = asyncio.create_task(syncer.run())
    runner = syncer.runners[run.table]
    while stay or not await quiet(runner):
        await asyncio.sleep(0.01)
        if task.done():
            task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await syncer.close()


async def quiet(runner) -> bool:
    """Live, and steps of both directions that began and ended after now found nothing.

    A step may take long: what a killed syncer held is locked until its server has noticed.
    """
    if runner.phase in {"stopped", "paused"}:
        raise AssertionError(f"the sync is {runner.phase}: {runner.status().error}")
    if runner.phase != "live":
        return False
    before = [direction.counts for direction in runner.status().directions]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    for _ in range(2):  # the first may have begun before
        while runner.phase == "live" and min(one.alive_at for one in runner._progress) < began:
            await asyncio.sleep(0.01)
        began = time.monotonic()
    return runner.phase == "live" and before == [direction.counts for direction in runner.status().directions]


async def differences(run: Run) -> list[str]:
    """What is wrong with the two stores, in words; empty where nothing is."""
    expected = {int(number): sequence for number, sequence in json.loads(run.history.read_text()).items()}
    wrong, names = [], []
    for side in Side:
        database = engine(run.url(side))
        async with database.connect() as connection:
            rows = (await connection.execute(text(f"SELECT id, seq, name FROM {run.table}"))).all()
            notes = (await connection.execute(text(f"SELECT id, seq FROM {run.table}_notes ORDER BY n"))).all()
        await database.dispose()
        found = {row[0]: row[1] for row in rows}
        names.append({row[0]: row[2] for row in rows})
        if found != expected:
            odd = {key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)}
            wrong += [f"{side} has {found.get(key)} and not {expected.get(key)} for {key}" for key in sorted(odd)]
        last: dict[int, int] = {}
        for number, sequence in notes:
            if owner(number) is not side and sequence <= last.get(number, 0):
                wrong.append(f"{side} was given {number} as {sequence} after {last[number]}")
            last[number] = sequence
    if names[0] != names[1]:
        wrong.append("a name differs")
    return wrong


# -- the play


def fork(work: Callable[[], Awaitable[None]]) -> int:
    """Run `work` in a child process; its id."""
    child = os.fork()
    if child:
        return child
    try:
        asyncio.run(work())
    except BaseException:  # noqa: BLE001 - whatever it was, the parent must see it
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def wait(child: int, timeout_s: float) -> int:
    """How it ended, as `waitstatus_to_exitcode`; a child that takes too long is killed, which is 99."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 99


def play(run: Run, timeout_s: float = 60) -> tuple[list[str], int]:
    """One run: what is wrong in the end, in words, and how often the sync was killed."""
    if wait(fork(lambda: prepare(run)), timeout_s):
        return ["it could not be prepared"], 0
    writer = fork(lambda: write(run))
    rng, kills, killed = random.Random(run.seed + 2_000_000), run.kills, 0
    for _ in range(kills):
        seed = rng.randint(0, 1 << 30)
        ended = wait(fork(lambda seed=seed: sync(run, kill_seed=seed, stay=True)), timeout_s)
        if ended != -signal.SIGKILL:
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)
            return [f"the sync ended by itself, with {ended}"], killed
        killed += 1
    run.enough.touch()
    if wait(writer, timeout_s):
        return ["the writer failed"], killed
    if ended := wait(fork(lambda: sync(run, kill_seed=None, stay=False)), timeout_s):
        return [f"the sync did not come to rest: {ended}"], killed
    return asyncio.run(differences(run)), killed


def main(legacy: str, new: str, folder: str, first: str, last: str) -> int:
    """Play the runs from `first` to before `last`, one line of JSON each; 1 where anything is wrong."""
    failed = False
    for seed in range(int(first), int(last)):
        began = time.monotonic()
        wrong, killed = play(Run(seed, legacy, new, Path(folder)))
        took = round(time.monotonic() - began, 2)
        print(json.dumps({"seed": seed, "wrong": wrong, "killed": killed, "took_s": took}), flush=True)
        failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
