"""Writes one batch: every statement of its transaction. Sums are added to what is there, in one order everywhere.

The order matters where several nodes write to one PostgreSQL: rows are taken in the order of their keys, so that two
transactions wait for each other and never lock each other out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Table, case, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.clusters.cluster import EXAMPLES_MAX, Cluster
from shadow.keeping import tables
from shadow.keeping.batch import Batch, Kept
from shadow.keeping.tables import BUCKETS, NAME_CHARACTERS_MAX, PATH_CHARACTERS_MAX
from shadow.keeping.values import clean

#: One row as its columns' values.
Row = dict[str, Any]

_STATUS_MAX: Final = 999


async def write_batch(connection: AsyncConnection, batch: Batch, node: str, now: float) -> None:
    """Write a batch inside of the connection's transaction.

    Args:
        connection: a writing one.
        batch: what to write.
        node: whose noise it is.
        now: Unix time in seconds.
    """
    await _write_positions(connection, batch, now)
    await add_rows(connection, tables.tallies, _tally_rows(batch), add=("count",))
    await add_rows(connection, tables.latencies, _latency_rows(batch), add=("count", "seconds", *BUCKETS))
    await _write_clusters(connection, batch)
    tallied = [_row(fingerprint=key[0], minute=key[1], count=count) for key, count in batch.cluster_tallies.items()]
    await add_rows(connection, tables.cluster_tallies, tallied, add=("count",))
    await add_rows(
        connection, tables.rule_uses, _use_rows(batch), add=("count",), least=("first_at",), most=("last_at",)
    )
    proofs = [
        _row(route=route, minute=minute, mutation=mutation, injected=counts[0], found=counts[1])
        for (route, minute, mutation), counts in batch.self_proofs.items()
    ]
    await add_rows(connection, tables.self_proofs, proofs, add=("injected", "found"))
    learned = [_row(node=node, route=route, state=state, at=now) for route, state in batch.noise.items()]
    await add_rows(connection, tables.noise, learned, put=("state", "at"))
    await _insert_kept(connection, batch.kept)


def _row(**values: Any) -> Row:
    return values


async def add_rows(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Row],
    *,
    add: Sequence[str] = (),
    least: Sequence[str] = (),
    most: Sequence[str] = (),
    put: Sequence[str] = (),
) -> None:
    """Insert rows; where one of their key is there, add to it, take the least or most of both, or put the new value."""
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    statement = (insert_postgresql if connection.dialect.name == "postgresql" else insert_sqlite)(table)
    given, there = statement.excluded, table.c
    changes = {
        **{name: there[name] + given[name] for name in add},
        **{name: case((given[name] < there[name], given[name]), else_=there[name]) for name in least},
        **{name: case((given[name] > there[name], given[name]), else_=there[name]) for name in most},
        **{name: given[name] for name in put},
    }
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), ordered)


async def _write_positions(connection: AsyncConnection, batch: Batch, now: float) -> None:
    rows = [
        _row(stream=stream, seq=position.seq, verdicts=position.verdicts, at=now)
        for stream, position in batch.positions.items()
    ]
    await add_rows(connection, tables.streams, rows, put=("seq", "verdicts", "at"))


def _tally_rows(batch: Batch) -> list[Row]:
    return [
        {**tally._asdict(), "reason": clean(tally.reason, NAME_CHARACTERS_MAX), "count": count}
        for tally, count in batch.tallies.items()
    ]


def _latency_rows(batch: Batch) -> list[Row]:
    return [
        {
            **_row(route=route, minute=minute, arm=arm, count=sum(latency.counts), seconds=latency.seconds),
            **dict(zip(BUCKETS, latency.counts, strict=True)),
        }
        for (route, minute, arm), latency in batch.latencies.items()
    ]


def _use_rows(batch: Batch) -> list[Row]:
    return [
        _row(route=route, rule=rule, count=use.count, first_at=use.first_at, last_at=use.last_at)
        for (route, rule), use in batch.rule_uses.items()
    ]


async def _write_clusters(connection: AsyncConnection, batch: Batch) -> None:
    rows = [_cluster_row(cluster) for cluster in batch.clusters.values()]
    sums = {"add": ("count",), "least": ("first_at",), "most": ("last_at",)}
    await add_rows(connection, tables.clusters, rows, **sums)
    # A new row has its examples by now. Where one was there before, those that have room get more.
    with_examples = {row["fingerprint"]: row for row in rows if row["examples"]}
    if not with_examples:
        return
    table = tables.clusters
    query = select(table.c.fingerprint, table.c.examples).where(table.c.fingerprint.in_(with_examples))
    for fingerprint, there in (await connection.execute(query)).all():
        more = [one for one in with_examples[fingerprint]["examples"] if one not in there]
        if more and len(there) < EXAMPLES_MAX:
            change = table.update().where(table.c.fingerprint == fingerprint)
            await connection.execute(change.values(examples=[*there, *more][:EXAMPLES_MAX]))


def _cluster_row(cluster: Cluster) -> Row:
    return _row(
        fingerprint=cluster.fingerprint,
        route=cluster.route,
        path=clean(cluster.path, PATH_CHARACTERS_MAX),
        kind=cluster.kind.value,
        relation=clean(cluster.relation, NAME_CHARACTERS_MAX),
        count=cluster.count,
        first_at=cluster.first_at,
        last_at=cluster.last_at,
        examples=[example._asdict() for example in cluster.examples],
    )


async def _insert_kept(connection: AsyncConnection, kept: Sequence[Kept]) -> None:
    if not kept:
        return
    table = tables.exchanges
    inserted = await connection.execute(
        insert(table).returning(table.c.key, sort_by_parameter_order=True), [_exchange_row(one) for one in kept]
    )
    keys = inserted.scalars().all()
    contents = [_row(exchange_key=key, content=one.content) for key, one in zip(keys, kept, strict=True)]
    await connection.execute(insert(tables.contents), contents)
    links = [
        _row(fingerprint=fingerprint, exchange_key=key)
        for key, one in zip(keys, kept, strict=True)
        for fingerprint in one.record.clusters
    ]
    if links:
        await connection.execute(insert(tables.exchange_clusters), links)


def _exchange_row(kept: Kept) -> Row:
    record = kept.record
    return _row(
        id=clean(record.id, NAME_CHARACTERS_MAX),
        at=record.at,
        route=record.route,
        verdict=record.verdict,
        reason=clean(record.reason, NAME_CHARACTERS_MAX),
        kept=kept.why,
        served=record.served,
        method=clean(record.request.method, NAME_CHARACTERS_MAX),
        target=clean(record.request.target, PATH_CHARACTERS_MAX),
        media=record.media,
        legacy_status=min(record.legacy.status, _STATUS_MAX),
        new_status=min(record.new.status, _STATUS_MAX),
        legacy_s=record.legacy.total_s,
        new_s=record.new.total_s,
        differences=sum(1 for difference in record.differences if not difference.explained_by),
        replayable=kept.replayable,
        bytes=len(kept.content),
    )
