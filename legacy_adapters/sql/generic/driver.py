"""SQLAlchemy's asynchronous connections: whatever database has a driver for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.expression import ReleaseSavepointClause, RollbackToSavepointClause, SavepointClause

from legacy_adapters.errors import PlanError, SchemaChangedError, StoreUnavailableError, SyncError
from legacy_adapters.sql.connection import Connection, Record, RefusedError


class GenericConnection(Connection):
    """One connection, with an engine of its own."""

    def __init__(self, engine: AsyncEngine, native: AsyncConnection) -> None:
        self._engine = engine
        self.native = native

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Sequence[Record]:
        with translated():
            return list(await self.native.execute(sa.text(sql), named(args)))

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        with translated():
            return max(0, (await self.native.execute(sa.text(sql), named(args))).rowcount)

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """One statement for each of these rows of arguments."""
        with translated():
            await self.native.execute(sa.text(sql), [named(row) for row in rows])

    async def run_sync(self, run: Any) -> Any:
        """Call `run` with a synchronous connection, as SQLAlchemy's inspector and DDL want it."""
        with translated():
            return await self.native.run_sync(run)

    async def script(self, statements: Sequence[str]) -> None:
        for statement in statements:
            await self.execute(statement)

    async def begin_snapshot(self) -> None:
        await self._end()

    async def begin(self) -> None:
        await self._end()

    async def commit(self) -> None:
        with translated():
            await self.native.commit()

    async def rollback(self) -> None:
        with translated():
            await self.native.rollback()

    async def savepoint(self, name: str) -> None:
        await self._run(SavepointClause(name))  # type: ignore[no-untyped-call]

    async def undo(self, name: str) -> None:
        await self._run(RollbackToSavepointClause(name))  # type: ignore[no-untyped-call]

    async def release(self, name: str) -> None:
        await self._run(ReleaseSavepointClause(name))  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        with translated():
            await self.native.close()
            await self._engine.dispose()

    async def terminate_soon(self) -> None:
        """Drop it; what was open is rolled back."""
        await self.native.invalidate()
        await self.native.close()
        await self._engine.dispose()

    def terminate(self) -> Any:
        return self.terminate_soon()

    async def _run(self, clause: Any) -> None:
        with translated():
            await self.native.execute(clause)

    async def _end(self) -> None:
        """What was done since the last transaction (SQLAlchemy begins one by itself) is kept."""
        await self.commit()


async def connect(url: sa.URL) -> GenericConnection:
    """A connection of ours.

    Raises:
        PlanError: the database's driver is not installed, or is not asynchronous.
    """
    try:
        engine = create_async_engine(url, poolclass=NullPool)
    except (ImportError, exc.ArgumentError, exc.InvalidRequestError) as error:
        raise PlanError(f"no driver for {url.drivername}: {error}") from None
    with translated():
        return GenericConnection(engine, await engine.connect())


def named(args: Sequence[Any]) -> dict[str, Any]:
    """Arguments by the names that `:p1`, `:p2` and so on have."""
    return {f"p{at}": value for at, value in enumerate(args, 1)}


@contextmanager
def translated() -> Iterator[None]:
    """SQLAlchemy's errors in our words; their text repeats values, so none of it is kept."""
    try:
        yield
    except exc.IntegrityError as error:
        raise RefusedError("unique" if _is_unique(error) else "other", "a constraint refuses it") from None
    except (exc.DataError, exc.StatementError) as error:
        raise _of_statement(error) from None
    except OSError as error:
        raise StoreUnavailableError(f"the store cannot be reached: {type(error).__name__}") from None


def _of_statement(error: exc.StatementError) -> SyncError:
    name = type(error.orig).__name__ if error.orig is not None else type(error).__name__
    if isinstance(error, exc.ProgrammingError) or "no such" in str(error.orig):
        return SchemaChangedError(f"the store does not take a statement: {name}")
    if isinstance(error, exc.DBAPIError) and not isinstance(error, exc.DataError):
        return StoreUnavailableError(f"the store says: {name}")
    return RefusedError("type", f"a value does not fit: {name}")


def _is_unique(error: exc.IntegrityError) -> bool:
    said = str(error.orig).lower()
    return "unique" in said or "duplicate" in said
