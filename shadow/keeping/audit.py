"""Who changed what, when and why: entries that are only ever added, each with the hash of the one before.

Whoever changes or takes out an entry afterwards breaks the chain from there on, and `find_break` says where; that the
newest ones were taken off shows only to who has noted a later hash. An entry is written in the transaction of the
change that it tells of: there is never one without the other.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.keeping.tables import audit

#: What stands in the first entry for the hash of the one before.
BEGINNING: Final = "0" * 64
ENTRIES_MAX: Final = 1000
#: For PostgreSQL's advisory lock: any number that nobody else in the database takes.
_LOCK: Final = 7_285_301_443
_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One change.

    Attributes:
        at: seconds since 1970.
        who: name of the token, `local` without tokens.
        action: `rule.accepted`, `rule.withdrawn`, `test.restarted`, `exchange.replayed`.
        subject: what was changed.
        before: how it was; None where it was not there.
        after: how it is; None where it is gone.
        why: the reason that was given.
        evidence: what it was decided on.
    """

    at: float
    who: str
    action: str
    subject: str
    before: Any
    after: Any
    why: str
    evidence: Any = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry as it stands in the log."""

    number: int
    entry: Entry
    previous_hash: str
    hash: str


async def append(connection: AsyncConnection, entry: Entry) -> Recorded:
    """Add an entry in the connection's writing transaction; others that add wait for its end.

    Raises:
        StoreError: at the end of the transaction, where it cannot be written.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    last = (
        await connection.execute(select(audit.c.number, audit.c.hash).order_by(audit.c.number.desc()).limit(1))
    ).first()
    number, previous = (1, BEGINNING) if last is None else (last.number + 1, last.hash)
    made = Recorded(number, entry, previous, _digest(number, entry, previous))
    row = {"number": number, **asdict(entry), "previous_hash": previous, "hash": made.hash}
    await connection.execute(insert(audit), row)
    return made


async def read_entries(connection: AsyncConnection, *, before: int | None = None, limit: int = 100) -> list[Recorded]:
    """The newest entries, newest first.

    Args:
        connection: a reading one.
        before: only entries with a lower number.
        limit: at most so many, and at most `ENTRIES_MAX`.
    """
    query = select(audit).order_by(audit.c.number.desc()).limit(min(limit, ENTRIES_MAX))
    if before is not None:
        query = query.where(audit.c.number < before)
    return [_recorded(row) for row in await connection.execute(query)]


async def find_break(connection: AsyncConnection) -> int | None:
    """The number of the first entry that is not what was written, or is missing; None where all are as they were."""
    expected, previous = 1, BEGINNING
    while True:
        query = select(audit).where(audit.c.number >= expected).order_by(audit.c.number).limit(_CHUNK)
        rows = [_recorded(row) for row in await connection.execute(query)]
        for one in rows:
            if one.number != expected or one.previous_hash != previous:
                return expected
            if one.hash != _digest(one.number, one.entry, one.previous_hash):
                return one.number
            expected, previous = one.number + 1, one.hash
        if len(rows) < _CHUNK:
            return None


def _recorded(row: Any) -> Recorded:
    names = ("at", "who", "action", "subject", "before", "after", "why", "evidence")
    return Recorded(row.number, Entry(**{name: getattr(row, name) for name in names}), row.previous_hash, row.hash)


def _digest(number: int, entry: Entry, previous: str) -> str:
    # A database may give a whole number back where a float was written: the digest is over the float.
    content = {**asdict(entry), "at": float(entry.at), "number": number, "previous": previous}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
