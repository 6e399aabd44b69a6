"""The state store as control uses it: opened when somebody first asks for what is in it, and again after it was away.

Control lives without it. Whoever asks while it cannot be had gets the reason; nothing is retried in the background.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.errors import StoreError
from shadow.keeping.database import Database, open_database
from shadow.keeping.schema import migrate

#: Opening takes at most so long; who waits for an answer is told then.
OPEN_S: Final = 6.0

log = structlog.get_logger()


class Evidence:
    """The state store of one installation. Make it on the loop that uses it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._database: Database | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one state.

        Raises:
            StoreError: the store cannot be opened or read.
        """
        database = await self.database()
        async with database.reading() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction.

        Raises:
            StoreError: the store cannot be opened or written.
        """
        database = await self.database()
        async with database.writing() as connection:
            yield connection

    async def database(self) -> Database:
        """The store, opened and at this release's schema.

        Raises:
            StoreError: that cannot be done now; the next call tries again.
        """
        async with self._opening:
            if self._database is None:
                self._database = await self._open()
            return self._database

    async def close(self) -> None:
        """Close the connections."""
        if self._database is not None:
            await self._database.close()
            self._database = None

    async def _open(self) -> Database:
        database: Database | None = None
        try:
            async with asyncio.timeout(OPEN_S):
                database = open_database(self._url)
                await migrate(database)
        except (StoreError, TimeoutError) as error:
            if database is not None:
                await database.close()
            log.warning("control.store.failed", error=str(error) or "no answer")
            reason = error.reason if isinstance(error, StoreError) else "away"
            raise StoreError(str(error) or f"no answer within {OPEN_S:.0f} s", reason=reason) from error
        log.info("control.store.opened", dialect=database.dialect)
        return database
