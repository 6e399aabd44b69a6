"""The store of one process: opened, migrated, written batch by batch, and read where the comparer starts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self
from uuid import uuid4

from sqlalchemy import delete, func, insert, select

from routes.shadowing import RuleModel
from shadow.clusters.cluster import EXAMPLES_MAX
from shadow.errors import StoreError
from shadow.keeping import tables
from shadow.keeping.batch import Batch, Position
from shadow.keeping.database import Database, open_database
from shadow.keeping.liverules import read_live_rules, rules_version
from shadow.keeping.records import Record
from shadow.keeping.retention import Limits, Retention
from shadow.keeping.retests import read_retests, up_to_date
from shadow.keeping.schema import migrate
from shadow.keeping.writing import write_batch

#: Pairs that are read at once for the proof of a rule.
PAIRS_MAX: Final = 500


class ShadowStore:
    """What shadow mode keeps.

    Attributes:
        database: for readers with queries of their own.
    """

    def __init__(self, database: Database, node: str) -> None:
        self.database = database
        self._node = node
        self._retention = Retention(database)

    @classmethod
    async def open(cls, url: str, *, node: str = "") -> Self:
        """Open the state database and bring it to this release's schema.

        Args:
            url: as `state.url`.
            node: this machine, whose noise is kept apart from that of others.

        Raises:
            StoreError: it cannot be opened, or a newer release has migrated it.
        """
        database = open_database(url)
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return cls(database, node)

    async def close(self) -> None:
        """Close every connection."""
        await self.database.close()

    # -- the comparer

    async def position(self, stream: str) -> Position | None:
        """How far a stream was taken; None where nothing of it was."""
        table = tables.streams
        async with self.database.reading() as connection:
            row = (await connection.execute(select(table).where(table.c.stream == stream))).first()
        return None if row is None else Position(row.seq, row.verdicts)

    async def commit(self, batch: Batch) -> None:
        """Write a batch with the positions of its streams, all or nothing.

        Raises:
            StoreError: it is not written. Of a connection that breaks during the commit nobody knows whether it was:
                the positions tell.
        """
        async with self.database.writing() as connection:
            await write_batch(connection, batch, self._node, time.time())

    async def probe(self) -> None:
        """Write something, and leave nothing of it: as a batch would be written that brings little.

        Raises:
            StoreError: a batch cannot be written now.
        """
        table = tables.streams
        async with self.database.writing() as connection:
            row = {"stream": f"probe:{uuid4()}", "seq": 0, "verdicts": {}, "at": time.time()}
            await connection.execute(insert(table), row)
            await connection.execute(delete(table).where(table.c.stream == row["stream"]))

    async def noise(self) -> dict[str, Any]:
        """Route -> what was learned: by this node, else by the one that wrote last."""
        table = tables.noise
        async with self.database.reading() as connection:
            rows = (await connection.execute(select(table).order_by(table.c.at))).all()
            retests = await read_retests(connection)
        others = {row.route: row.state for row in rows}
        found = {**others, **{row.route: row.state for row in rows if row.node == self._node}}
        return {route: up_to_date(state, retests.get(route, 0)) for route, state in found.items()}

    async def retests(self) -> Mapping[str, int]:
        """Route -> the number of its paired test, where it was begun anew."""
        async with self.database.reading() as connection:
            return await read_retests(connection)

    async def clusters(self, routes_max: int) -> dict[str, dict[str, int]]:
        """Route -> fingerprint -> how many more examples it may take; at most so many of each route, the newest."""
        table = tables.clusters
        found: dict[str, dict[str, int]] = {}
        async with self.database.reading() as connection:
            for row in await connection.execute(select(table).order_by(table.c.last_at.desc())):
                known = found.setdefault(row.route, {})
                if len(known) < routes_max:
                    known[row.fingerprint] = max(0, EXAMPLES_MAX - len(row.examples))
        return found

    async def rules_version(self) -> int:
        """Counts up with each change of the live rules, and when a test is begun anew."""
        async with self.database.reading() as connection:
            return await rules_version(connection)

    async def rules(self) -> tuple[int, Mapping[str, Sequence[RuleModel]]]:
        """The version of the live rules, and the rules in force by route."""
        async with self.database.reading() as connection:
            return await rules_version(connection), await read_live_rules(connection)

    async def retain(self, limits: Limits) -> int:
        """Remove what is too old or too much; returns the exchanges that went."""
        return await self._retention.run(limits, time.time())

    async def sizes(self) -> tuple[int, int]:
        """How many exchanges are kept, and the size of their contents in bytes."""
        table = tables.exchanges
        async with self.database.reading() as connection:
            row = (await connection.execute(select(func.count(), func.sum(table.c.bytes)))).one()
        return int(row[0]), int(row[1] or 0)

    # -- whoever looks at exchanges

    async def exchange(self, identifier: str) -> Record | None:
        """The newest kept exchange with this request id."""
        table = tables.exchanges
        query = select(tables.contents.c.content).join(table, table.c.key == tables.contents.c.exchange_key)
        async with self.database.reading() as connection:
            query = query.where(table.c.id == identifier).order_by(table.c.key.desc()).limit(1)
            content = (await connection.execute(query)).scalar()
        return None if content is None else Record.unpack(content)

    async def pairs(self, route: str, *, fingerprint: str | None = None, limit: int = PAIRS_MAX) -> tuple[Record, ...]:
        """Kept exchanges of a route, the newest first; of one cluster where a fingerprint is given.

        Those that cannot be read are left out.
        """
        table, contents, links = tables.exchanges, tables.contents, tables.exchange_clusters
        query = select(contents.c.content).join(table, table.c.key == contents.c.exchange_key)
        if fingerprint is not None:
            query = query.join(links, links.c.exchange_key == table.c.key).where(links.c.fingerprint == fingerprint)
        query = query.where(table.c.route == route).order_by(table.c.at.desc()).limit(min(limit, PAIRS_MAX))
        async with self.database.reading() as connection:
            found = (await connection.execute(query)).scalars().all()
        return tuple(record for content in found if (record := _readable(content)) is not None)


def _readable(content: bytes) -> Record | None:
    try:
        return Record.unpack(content)
    except StoreError:
        return None
