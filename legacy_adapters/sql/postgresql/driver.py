"""asyncpg: sessions whose settings are ours, and PostgreSQL's errors in our words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy.engine import URL

from legacy_adapters.errors import SchemaChangedError, StoreUnavailableError, SyncError
from legacy_adapters.sql import connection
from legacy_adapters.sql.connection import CONNECT_TIMEOUT_S, LOCK_TIMEOUT_S, Connection, Record, RefusedError
from legacy_adapters.sql.shape import TableShape

#: What every session must have for values to read and hash the same wherever the server is and whoever set it up.
SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": f"{int(LOCK_TIMEOUT_S * 1000)}",
    # Refuse instead of showing a part: a row that a policy hides from us would be taken for deleted.
    "row_security": "off",
    "application_name": "strangler",
    "jit": "off",
    # Rows are found by their key, a batch at a time; statistics of a table that grows from nothing mislead.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
#: For a statement that reads some pages from end to end, until the end of the transaction or savepoint or `BY_KEY`.
BY_HASH = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_nestloop = off"
BY_KEY = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = on"

#: SQLSTATE -> reason of a rejection.
REASONS = {
    "23505": "unique",
    "23P01": "unique",
    "23503": "foreign_key",
    "23001": "foreign_key",
    "23502": "not_null",
    "23514": "check",
    "44000": "check",
    "22001": "too_long",
}
#: Classes of SQLSTATE in which the data is at fault.
_DATA_CLASSES = frozenset({"22", "23"})
_DATA_STATES = frozenset({"42804", "42846", "428C9", "0A000"})
#: What types that read a language of their own (tsvector, tsquery, jsonpath) say of a text that is none of it.
_TEXT_STATE = "42601"
#: Classes of SQLSTATE in which it is nobody's row: the connection, the server, locks, rights, its own settings.
_AWAY_CLASSES = frozenset(
    {"", "01", "03", "08", "0B", "24", "25", "26", "28", "2D", "34", "3B", "3D", "40", "42", "53", "55", "57", "58"}
    | {"72", "F0", "HV", "XX"}
)
#: A row that is larger than an index or a page of the target takes.
_TOO_LARGE_CLASS = "54"
_MISSING = frozenset({"42703", "42P01", "42883", "3F000", "42704"})


class PostgreSQLConnection(Connection):
    """One session."""

    def __init__(self, native: asyncpg.Connection, origin: str) -> None:
        self.native = native
        # Not READ WRITE: that would go past a database which its administrator has set to only be read.
        self._begin = f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL strangler.origin = '{origin}'"

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Sequence[Record]:
        with translated():
            return await self.native.fetch(sql, *args)  # type: ignore[no-any-return]

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        with translated():
            status = await self.native.execute(sql, *args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def script(self, statements: Sequence[str]) -> None:
        with translated():
            await self.native.execute(";\n".join(statements))

    async def copy(self, table: TableShape, names: Sequence[str], pieces: Iterable[bytes]) -> None:
        """Insert rows by COPY, written out as text."""
        with translated():
            await self.native.copy_to_table(
                table.table, schema_name=table.schema, columns=list(names), source=_one_by_one(pieces), format="text"
            )

    async def begin_snapshot(self) -> None:
        await self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    async def begin(self) -> None:
        idle = f"SET LOCAL idle_in_transaction_session_timeout = {int(connection.IDLE_TIMEOUT_S * 1000)}"
        await self.execute(f"{self._begin}; {idle}; SET CONSTRAINTS ALL IMMEDIATE")

    async def close(self) -> None:
        with translated():
            await self.native.close()

    def terminate(self) -> None:
        self.native.terminate()


async def _one_by_one(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Pieces as the driver takes them; it waits where the server has not read the last ones."""
    for piece in pieces:
        yield piece


async def connect(url: URL, origin: str) -> PostgreSQLConnection:
    """A session of ours; `origin` marks what it writes."""
    query = {name: value for name, value in url.query.items() if name not in SETTINGS}
    dsn = url.set(drivername="postgresql", query=query).render_as_string(hide_password=False)
    with translated():
        native = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S, server_settings=SETTINGS)
    return PostgreSQLConnection(native, re.sub(r"[^\w.:-]", "_", origin))


@contextmanager
def translated() -> Iterator[None]:
    """Asyncpg's errors in our words; none of them repeats a value."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _translate(error) from None
    except asyncpg.InternalClientError:
        # What asyncpg says of a session that was ended between two statements, or whose answers make no sense.
        raise StoreUnavailableError("PostgreSQL ended the session") from None
    except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        raise StoreUnavailableError(f"PostgreSQL cannot be reached: {type(error).__name__}: {error}") from None


def _translate(error: Exception) -> SyncError:
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, asyncpg.InvalidCachedStatementError):
        # The table was changed since the statement was prepared: a new session finds out whether that matters.
        return StoreUnavailableError("PostgreSQL says: a prepared statement is of a table as it was")
    if isinstance(error, asyncpg.exceptions.DataError | ValueError | TypeError) or state[:2] in _DATA_CLASSES:
        return _refused(error, state)
    if state[:2] == _TOO_LARGE_CLASS:
        return RefusedError("too_long", f"PostgreSQL says: {_said(error)}")
    if state == _TEXT_STATE:
        return RefusedError("type", re.sub(r'"[^"]*"', '"…"', _said(error)))
    if state in _DATA_STATES:
        return RefusedError("other", _said(error), "")
    if state in _MISSING:
        return SchemaChangedError(f"PostgreSQL says: {_said(error)}")
    if state[:2] not in _AWAY_CLASSES:
        # Raised by a function of somebody's, with a number of its choice and in words that may repeat values.
        return RefusedError("other", "a trigger of the table refuses it")
    return StoreUnavailableError(f"PostgreSQL says: {type(error).__name__}: {_said(error)}")


def _refused(error: Exception, state: str) -> RefusedError:
    reason = REASONS.get(state, "type" if state[:2] != "23" else "other")
    constraint = getattr(error, "constraint_name", None) or ""
    column = getattr(error, "column_name", None) or ""
    where = f"constraint {constraint}" if constraint else f"column {column}" if column else ""
    said = _said(error) if not where else f"{where}: {_said(error)}"
    return RefusedError(reason, said, constraint or column)


def _said(error: Exception) -> str:
    """The message without what stands in quotes where those are values of the row."""
    message = str(error).partition("\n")[0]
    state = getattr(error, "sqlstate", None)
    if state is None or "query argument" in message:
        return re.sub(r"(\$\d+): .*", r"\1", message)
    return re.sub(r'"[^"]*"', '"…"', message) if state.startswith("22") else message
