"""Kept exchanges, one by one: as JSON for the control API, and as pairs that a rule is proved on."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.clusters.proof import Pair, pair_of_documents
from shadow.keeping.records import KeptAnswer, KeptRequest, Record
from shadow.keeping.tables import contents, exchanges

#: Bytes of kept exchanges, compressed, that one proof reads at most.
PAIRS_BYTES_MAX: Final = 32 << 20


async def read_record(connection: AsyncConnection, identifier: str) -> Record | None:
    """The newest kept exchange with that request id; None where there is none.

    Raises:
        StoreError: it is damaged.
    """
    query = (
        select(contents.c.content)
        .join(exchanges, exchanges.c.key == contents.c.exchange_key)
        .where(exchanges.c.id == identifier)
        .order_by(exchanges.c.key.desc())
        .limit(1)
    )
    content = await connection.scalar(query)
    return None if content is None else Record.unpack(content)


async def read_pairs(connection: AsyncConnection, route: str, limit: int) -> list[Pair]:
    """The newest kept exchanges of a route whose documents are there, findings and the steady sample alike."""
    query = (
        select(contents.c.content, exchanges.c.bytes)
        .join(exchanges, exchanges.c.key == contents.c.exchange_key)
        .where(exchanges.c.route == route, exchanges.c.media == "json")
        .order_by(exchanges.c.at.desc())
        .limit(limit)
    )
    pairs, total = [], 0
    async with connection.stream(query) as rows:
        async for content, size in rows:
            total += size
            if total > PAIRS_BYTES_MAX:
                break
            record = Record.unpack(content)
            if record.legacy.document is not None and record.new.document is not None:
                pairs.append(
                    pair_of_documents(record.id, record.request.method, record.legacy.document, record.new.document)
                )
    return pairs


def record_json(record: Record) -> dict[str, Any]:
    """A kept exchange as JSON values."""
    plain = _plain(record)
    plain["differences"] = [{**difference._asdict(), "kind": str(difference.kind)} for difference in record.differences]
    return plain


def _plain(value: Record | KeptRequest | KeptAnswer) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        found[field.name] = _plain(inner) if isinstance(inner, KeptRequest | KeptAnswer) else inner
    return found
