"""What every way of capturing changes has in common: events by key become changes with the row as it is now."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from legacy_adapters.change import Change, Cursor
from legacy_adapters.record import Key, Stored
from legacy_adapters.sql.connection import Connection


@dataclass(frozen=True, slots=True)
class Event:
    """One captured write of one key.

    Attributes:
        position: its sequence number.
        key: of the row that was written.
        origin: of the sync that wrote it, "" where it was none.
        at: Unix time in seconds.
    """

    position: int
    key: Key
    origin: str
    at: float


@dataclass(frozen=True, slots=True)
class Delta:
    """Events that were read at once, by position, and where the next read begins."""

    events: Sequence[Event]
    cursor: Cursor
    more: bool


class Capture(ABC):
    """How changes of one table are captured for one consumer.

    Attributes:
        notes: what a user must know of it, in whole sentences.
        deletes, origins, order: as in `Capabilities`.
    """

    notes: tuple[str, ...] = ()
    deletes = True
    origins = True
    order = True

    @abstractmethod
    async def install(self, connection: Connection) -> None:
        """Make what captures, where it is not there already; begins and ends its own transactions."""

    @abstractmethod
    async def remove(self, connection: Connection) -> None:
        """Forget this consumer, and take everything away once it was the last."""

    @abstractmethod
    async def verify(self, connection: Connection) -> None:
        """See that nothing that captures was changed since it was installed.

        Raises:
            CaptureError: it was; says what.
        """

    @abstractmethod
    async def read(self, connection: Connection, cursor: Cursor | None, limit: int) -> Delta:
        """Events behind `cursor`, at most `limit`, in the connection's snapshot."""

    @abstractmethod
    async def prune(self, connection: Connection, cursor: Cursor, limit: int) -> int:
        """Forget at most `limit` events that this consumer and all others have behind them."""


def first_position() -> int:
    """The position that a capture begins to count from: microseconds of now.

    Ledgers remember the position of each record's last change and skip what is not newer. A capture that is made anew
    must therefore never count from where a former one has been; no store writes more than a million rows a second.
    """
    return time.time_ns() // 1000


def changes_of(events: Sequence[Event], rows: dict[Key, Stored], origin: str) -> tuple[Change, ...]:
    """One change per key, by position."""
    by_key: dict[Key, list[Event]] = {}
    for event in events:
        by_key.setdefault(event.key, []).append(event)
    changes = [
        Change(
            key=key,
            position=max(event.position for event in own),
            stored=rows.get(key),
            echo=all(event.origin == origin for event in own),
            captured_at=min(event.at for event in own),
        )
        for key, own in by_key.items()
    ]
    return tuple(sorted(changes, key=lambda change: change.position))


class NoCapture(Capture):
    """A store that is only written to: nothing is captured in it."""

    deletes = origins = False

    async def install(self, connection: Connection) -> None:
        pass

    async def remove(self, connection: Connection) -> None:
        pass

    async def verify(self, connection: Connection) -> None:
        pass

    async def read(self, connection: Connection, cursor: Cursor | None, limit: int) -> Delta:
        return Delta((), cursor or {}, more=False)

    async def prune(self, connection: Connection, cursor: Cursor, limit: int) -> int:
        return 0
