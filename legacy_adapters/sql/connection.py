"""One connection to a store: statements in, tuples out, the driver's errors told apart; and a bounded pool of them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from legacy_adapters.errors import StoreUnavailableError, SyncError

#: Connections of one store at a time: readers, writers and the one that asks after its health.
CONNECTIONS_MAX = 8
#: Seconds until a connection is made.
CONNECT_TIMEOUT_S = 15.0
#: Seconds that a statement may wait for a lock of somebody else's.
LOCK_TIMEOUT_S = 20.0
#: Seconds that a transaction for writing may stand still before the store ends it: a process that was stopped in the
#: middle must not keep rows of the application locked. It finds out at its next statement, and begins again.
IDLE_TIMEOUT_S = 120.0
#: Seconds that a connection may take to say goodbye.
CLOSE_TIMEOUT_S = 2.0

Record = Sequence[Any]


class RefusedError(SyncError):
    """The store refused the values of a statement: some row of it must not be written.

    Attributes:
        reason: as in `Rejection`.
        detail: the constraint or column, and what the store said, without values.
        constraint: of the constraint, "" where the store does not say.
    """

    def __init__(self, reason: str, detail: str, constraint: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.constraint = constraint


class Connection(ABC):
    """One native connection.

    Every method raises RefusedError where a value is at fault, SchemaChangedError where a table or column is missing,
    StoreUnavailableError where it is nobody's fault. Cancelled in the middle of a statement it must not be used again.
    """

    @abstractmethod
    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Sequence[Record]:
        """Run a statement; its rows."""

    @abstractmethod
    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""

    @abstractmethod
    async def script(self, statements: Sequence[str]) -> None:
        """Run statements without arguments, one after the other."""

    @abstractmethod
    async def begin_snapshot(self) -> None:
        """Begin a transaction that sees one moment and writes nothing."""

    @abstractmethod
    async def begin(self) -> None:
        """Begin a transaction for writing, that sees what is committed before each statement."""

    async def commit(self) -> None:
        """End the transaction; what it did is there."""
        await self.execute("COMMIT")

    async def rollback(self) -> None:
        """End the transaction; it did nothing."""
        await self.execute("ROLLBACK")

    async def savepoint(self, name: str) -> None:
        """Begin what may be undone alone."""
        await self.execute(f"SAVEPOINT {name}")

    async def undo(self, name: str) -> None:
        """Undo what was done since the savepoint, which stays."""
        await self.execute(f"ROLLBACK TO SAVEPOINT {name}")

    async def release(self, name: str) -> None:
        """Forget a savepoint, and keep what was done since."""
        await self.execute(f"RELEASE SAVEPOINT {name}")

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye."""

    @abstractmethod
    def terminate(self) -> Awaitable[object] | None:
        """Drop it without a word; the store rolls back what was open. Done once what it returns is."""


class Pool:
    """At most `CONNECTIONS_MAX` connections to one store, made when they are needed.

    A connection whose user failed or was cancelled is dropped: nothing that it left open can reach the next user.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int = CONNECTIONS_MAX) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._leaving: list[asyncio.Future[object]] = []
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for the time of the context; waits where all are in use."""
        async with self._free:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            except BaseException:
                self._drop(connection)
                raise
            if self._closed:
                await _goodbye(connection)
            else:
                self._idle.append(connection)

    @asynccontextmanager
    async def transaction(self, *, write: bool) -> AsyncIterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back where anything is raised.

        One that only reads sees one moment, and is rolled back anyway. Cancelled, or where the store cannot be reached,
        the connection is dropped, which rolls back as well.
        """
        failure: Exception | None = None
        async with self.connection() as connection:
            await (connection.begin() if write else connection.begin_snapshot())
            try:
                yield connection
            except StoreUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001  (raised again once the connection is clean)
                failure = error
                await connection.rollback()
            else:
                await (connection.commit() if write else connection.rollback())
        if failure is not None:
            raise failure

    async def close(self) -> None:
        """Say goodbye to all that are idle; the others go when they come back."""
        self._closed = True
        while self._idle:
            await _goodbye(self._idle.pop())
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=CLOSE_TIMEOUT_S)

    def _drop(self, connection: Connection) -> None:
        gone = connection.terminate()
        self._leaving = [one for one in self._leaving if not one.done()]
        if gone is not None:
            self._leaving.append(asyncio.ensure_future(gone))


async def _goodbye(connection: Connection) -> None:
    with suppress(SyncError, OSError, TimeoutError):
        await asyncio.wait_for(connection.close(), CLOSE_TIMEOUT_S)
