"""The state database: SQLite in a private file, or PostgreSQL. Connections, transactions, and errors with words.

SQLite runs in WAL mode, so that readers (the report, the console) and the one writer do not wait for each other. Two
processes that write at once, comparer and control, wait for each other up to `WRITE_S`. A transaction that was
committed survives the death of the process; after a loss of power the last ones may be missing, whole
(`synchronous=NORMAL`).

Who holds the write lock does nothing else meanwhile: what is to be written is found, read and computed before, and
long computing is done `undisturbed` by a transaction of the same process, which could not go on until it ends.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from shadow.errors import StoreError

#: How long a transaction waits for another process that writes to the same SQLite file: a machine that is short of
#: everything makes seconds of what takes milliseconds, and what is not written is lost.
WRITE_S: Final = 30.0
#: SQLite itself waits for so long at a time, in a thread that nothing can call back.
BUSY_S: Final = 5.0
#: Between two times, where it did not wait at all.
_AGAIN_S: Final = 0.05
#: How long PostgreSQL may take to accept a connection, and to answer one statement.
CONNECT_S: Final = 5.0
STATEMENT_S: Final = 30.0
#: Connections of one process: a writer, and readers beside it.
CONNECTIONS_MAX: Final = 4

#: Only the user that runs the proxy may read what it keeps.
_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_WRITES: Final = "strangler_writes"
#: Of a new file, before anything else: later it would change nothing, and still wait for whoever writes.
_OF_NEW_FILE: Final = "PRAGMA auto_vacuum = INCREMENTAL"
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -16000",
)
_LOCKED: Final = f"another process keeps the database locked and did not let go of it for {WRITE_S:.0f} s"
_REASONS: Final = {
    "SQLITE_FULL": "full",
    "SQLITE_IOERR": "full",  # what a file system that is full says half the time
    "SQLITE_BUSY": "busy",
    "SQLITE_LOCKED": "busy",
    "SQLITE_CORRUPT": "damaged",
    "SQLITE_NOTADB": "damaged",
    "53": "full",  # SQLSTATE classes from here on: insufficient resources
    "08": "away",
    "57": "away",  # shut down, cancelled
    "40": "busy",  # serialization failure, deadlock
    "55": "busy",  # lock not available
    "28": "refused",  # authentication
    "42": "refused",  # also: no right to do this
}


class Database:
    """Connections to the state database of one process. Made by `open_database`.

    Attributes:
        dialect: `sqlite` or `postgresql`.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.dialect = engine.dialect.name
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})
        self._writing = asyncio.Lock()  # writers of this process queue here, not in the database's busy loop

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection whose statements all see the same state.

        Raises:
            StoreError: the database cannot be read.
        """
        with translated():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back where it is left by an exception.

        A cancellation that comes while the commit is under way leaves it done or not done, never half.

        Raises:
            StoreError: the database cannot be written.
        """
        with translated():
            async with self._writing, self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def undisturbed(self) -> AsyncIterator[None]:
        """A block in which this process has no transaction that writes: for whatever keeps the event loop for long.

        Such a transaction could not go on, and others would wait for its lock as long as the loop is kept.
        """
        async with self._writing:
            yield

    async def give_back(self, pages: int) -> None:
        """Give free pages of an SQLite file back to the file system; PostgreSQL does that by itself.

        Args:
            pages: at most so many.

        Raises:
            StoreError: the database cannot be written.
        """
        if self.dialect == "sqlite":
            async with self.writing() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                # As a script, which ends the transaction: executed as one statement it would free a single page.
                await cast("Any", driver).executescript(f"PRAGMA incremental_vacuum({pages:d})")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def open_database(url: str) -> Database:
    """Make the file of an SQLite database where it is missing, readable by its owner only; connect later, as needed.

    Args:
        url: `sqlite:///FILE` or `postgresql://…`, as `state.url`.

    Raises:
        StoreError: the file cannot be made, or is not this user's.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed))
    return Database(
        create_async_engine(
            parsed.set(drivername="postgresql+asyncpg"),
            pool_size=CONNECTIONS_MAX,
            max_overflow=0,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={
                "timeout": CONNECT_S,
                "command_timeout": STATEMENT_S,
                "server_settings": {"application_name": "strangler"},
            },
            hide_parameters=True,
        )
    )


def _sqlite(url: URL) -> AsyncEngine:
    if url.database:
        _make_private(Path(url.database))
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        pool_size=CONNECTIONS_MAX,
        max_overflow=0,
        connect_args={"timeout": BUSY_S},
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _make_private(file: Path) -> None:
    """The write-ahead log gets the mode of the file."""
    try:
        file.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE))
        file.chmod(_FILE_MODE)
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror or error}", reason="refused") from error


def _prepare(connection: Any, record: Any) -> None:
    del record
    connection.isolation_level = None  # BEGIN is ours: the driver would put it off until the first write
    cursor = connection.cursor()
    cursor.execute("PRAGMA page_count")
    if tuple(cursor.fetchone()) == (0,):
        cursor.execute(_OF_NEW_FILE)
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    if not connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql("BEGIN")
        return
    deadline = time.monotonic() + WRITE_S
    while True:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except OperationalError as error:
            if _reason(error.orig) != "busy" or time.monotonic() >= deadline:
                raise
            await_only(asyncio.sleep(_AGAIN_S))
        else:
            return


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database and its driver as `StoreError`. Neither statements nor values are repeated in them."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        reason = _reason(cause)
        said = _LOCKED if reason == "busy" and isinstance(cause, sqlite3.Error) else f"{type(cause).__name__}: {cause}"
        raise StoreError(said, reason=reason) from error
    except (OSError, TimeoutError) as error:
        raise StoreError(f"{type(error).__name__}: {error}", reason="away") from error


def _reason(cause: BaseException | None) -> str:
    if isinstance(cause, sqlite3.Error):
        name = getattr(cause, "sqlite_errorname", "")
        return next((reason for start, reason in _REASONS.items() if name.startswith(start)), "other")
    state = getattr(cause, "sqlstate", None)
    return _REASONS.get(state[:2], "other") if isinstance(state, str) else "away"
