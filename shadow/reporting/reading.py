"""Reads what a report needs from the state store: sums over the window, never one exchange after the other.

One connection sees one state, so that the parts of a report agree. Cancelling leaves nothing behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.comparison import Verdict
from shadow.keeping import tables
from shadow.keeping.retests import read_retests, up_to_date
from shadow.reporting.building import COMPARED, EXAMPLES_MAX
from shadow.reporting.rows import MINUTE_S, RouteRows, StoredCluster, Window, make_grid

#: Clusters of one route that are read; the others are counted.
CLUSTERS_MAX: Final = 30
#: Ids that one statement may name.
_IDS_MAX: Final = 500
#: Verdicts that tell whether an answer of this kind can be compared: after a race or where legacy failed it could be.
_COVERED: Final = frozenset({*COMPARED, Verdict.NOT_COMPARABLE})
_BUCKETS: Final = [tables.latencies.c[name] for name in tables.BUCKETS]

#: route -> everything about it.
AllRows = defaultdict[str, RouteRows]


async def read_rows(connection: AsyncConnection, window: Window, route: str | None = None) -> AllRows:
    """The rows of every route (or of one) in the window.

    Args:
        connection: a reading one.
        window: the time to look at; minutes that it touches count whole.
        route: only this one.
    """
    rows: AllRows = defaultdict(RouteRows)
    await _read_verdicts(connection, rows, window, route)
    await _read_latencies(connection, rows, window, route)
    await _read_clusters(connection, rows, window, route)
    await _read_proofs(connection, rows, window, route)
    uses = tables.rule_uses
    for row in await connection.execute(_of(select(uses.c.route, uses.c.rule, uses.c["count"]), uses, route)):
        rows[row[0]].rule_uses[row[1]] = row[2]
    return rows


async def read_noise(connection: AsyncConnection, route: str | None = None) -> dict[str, list[Mapping[str, Any]]]:
    """Route -> what each node learned of its noise."""
    noise = tables.noise
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    retests = await read_retests(connection)
    for row in await connection.execute(_of(select(noise.c.route, noise.c.state), noise, route)):
        found[row[0]].append(up_to_date(row[1], retests.get(row[0], 0)))
    return dict(found)


def _of(query: Select[Any], table: Any, route: str | None) -> Select[Any]:
    return query if route is None else query.where(table.c.route == route)


def _first_minute(window: Window) -> int:
    return int(window.since) // MINUTE_S


async def _read_verdicts(connection: AsyncConnection, rows: AllRows, window: Window, route: str | None) -> None:
    table = tables.tallies
    total = func.sum(table.c["count"]).label("total")
    inside = table.c.minute.between(_first_minute(window), int(window.until) // MINUTE_S)
    grid = make_grid(await connection.scalar(_of(select(func.min(table.c.minute)).where(inside), table, route)), window)
    step = ((table.c.minute - grid.first) // grid.step).label("step")
    by = (table.c.route, step, table.c.verdict, table.c.reason)
    for row in await connection.execute(_of(select(*by, total).where(inside).group_by(*by), table, route)):
        rows[row[0]].verdicts[grid.first + row[1] * grid.step, row[2], row[3]] = int(row[4])
        rows[row[0]].grid = grid
    kind = (table.c.route, table.c.verdict, table.c.status, table.c.media)
    for row in await connection.execute(_of(select(*kind, total).where(inside).group_by(*kind), table, route)):
        _count_class(rows[row[0]], row)


def _count_class(rows: RouteRows, row: Row[Any]) -> None:
    verdict, status, media = row.verdict, row.status, row.media
    if verdict not in _COVERED:
        return
    place = 0 if verdict in COMPARED else 1
    for name in (("status", f"{status}xx" if status else ""), ("media", media)):
        if name[1]:
            rows.classes.setdefault(name, [0, 0])[place] += int(row.total)


async def _read_latencies(connection: AsyncConnection, rows: AllRows, window: Window, route: str | None) -> None:
    table = tables.latencies
    sums = [func.sum(bucket) for bucket in _BUCKETS]
    query = select(table.c.route, table.c.arm, *sums).where(table.c.minute >= _first_minute(window))
    for row in await connection.execute(_of(query.group_by(table.c.route, table.c.arm), table, route)):
        buckets = [int(value) for value in row[2:]]
        if row[1] == "legacy":
            rows[row[0]].legacy_buckets = buckets
        else:
            rows[row[0]].new_buckets = buckets


async def _read_proofs(connection: AsyncConnection, rows: AllRows, window: Window, route: str | None) -> None:
    table = tables.self_proofs
    by = (table.c.route, table.c.mutation)
    query = select(*by, func.sum(table.c.injected), func.sum(table.c.found))
    query = query.where(table.c.minute >= _first_minute(window)).group_by(*by)
    for row in await connection.execute(_of(query, table, route)):
        rows[row[0]].proofs[row[1]] = [int(row[2]), int(row[3])]


async def _read_clusters(connection: AsyncConnection, rows: AllRows, window: Window, route: str | None) -> None:
    """The most frequent clusters of the window with their examples."""
    table, tally = tables.clusters, tables.cluster_tallies
    first = _first_minute(window) - _first_minute(window) % tables.CLUSTER_MINUTES
    counts = (
        select(tally.c.fingerprint, func.sum(tally.c["count"]).label("seen"))
        .where(tally.c.minute >= first)
        .group_by(tally.c.fingerprint)
        .subquery()
    )
    query = select(table.c.route, table.c.fingerprint, counts.c.seen).join(
        counts, counts.c.fingerprint == table.c.fingerprint
    )
    query = _of(query.order_by(counts.c.seen.desc(), table.c.fingerprint), table, route)
    seen: dict[str, int] = {}
    taken: defaultdict[str, int] = defaultdict(int)
    for row in await connection.execute(query):
        name, fingerprint, count = row.route, row.fingerprint, row.seen
        if taken[name] >= CLUSTERS_MAX:
            rows[name].clusters_more += 1
            continue
        taken[name] += 1
        seen[fingerprint] = int(count)
    found = [one async for one in _in_chunks(connection, select(table), table.c.fingerprint, seen)]
    shown = {example["exchange"] for one in found for example in one.examples[:EXAMPLES_MAX]}
    about = await _about(connection, shown)
    for one in sorted(found, key=lambda one: (-seen[one.fingerprint], one.fingerprint)):
        examples = tuple({**example, **about.get(example["exchange"], {})} for example in one.examples)
        rows[one.route].clusters.append(
            StoredCluster(
                one.fingerprint, one.path, one.kind, one.relation,
                seen[one.fingerprint], one.first_at, one.last_at, examples,
            )
        )  # fmt: skip


async def _about(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """When the exchanges were and what was asked, of those that are still kept."""
    table = tables.exchanges
    query = select(table.c.id, table.c.at, table.c.method, table.c.target).order_by(table.c.key)
    return {
        row.id: {"at": row.at, "method": row.method, "target": row.target}
        async for row in _in_chunks(connection, query, table.c.id, ids)
    }


async def _in_chunks(
    connection: AsyncConnection, query: Select[Any], column: Any, values: Iterable[str]
) -> AsyncIterator[Row[Any]]:
    wanted = list(values)
    for start in range(0, len(wanted), _IDS_MAX):
        for row in await connection.execute(query.where(column.in_(wanted[start : start + _IDS_MAX]))):
            yield row
