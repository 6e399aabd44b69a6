"""The paired test of a route begins anew when somebody says so, such as after a new version of new was rolled out.

How often that was is a number of the route; what was learned carries the number that it was learned under. Where they
differ, what was counted before is dropped by whoever reads it: so it is gone for all nodes and reports in the moment
of the transaction, whatever a comparer still had in hand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.errors import NoiseStateError
from shadow.keeping.audit import Entry, append
from shadow.keeping.liverules import count_up
from shadow.keeping.tables import versions
from shadow.noise.route import RouteNoise

RESTARTED: Final = "test.restarted"
#: Under this a learned state has the number.
RETESTS: Final = "retests"
_PREFIX: Final = "test:"


async def read_retests(connection: AsyncConnection) -> dict[str, int]:
    """Route -> how often its test was begun anew; nothing of those where it never was."""
    query = select(versions.c.name, versions.c.version).where(versions.c.name.startswith(_PREFIX, autoescape=True))
    return {row.name.removeprefix(_PREFIX): int(row.version) for row in await connection.execute(query)}


async def restart_test(
    connection: AsyncConnection, route: str, *, who: str, why: str, flagged: int, now: float
) -> int:  # fmt: skip
    """Begin the test of a route anew, in the connection's writing transaction; returns how often that was done now.

    Args:
        connection: a writing one.
        route: its name.
        who: name of the token.
        why: the reason, for the audit log.
        flagged: places that are flagged by the test that ends.
        now: seconds since 1970.
    """
    await append(connection, Entry(now, who, RESTARTED, route, {"flagged": flagged}, {"flagged": 0}, why))
    name = _PREFIX + route
    found = await connection.scalar(select(versions.c.version).where(versions.c.name == name))
    number = int(found or 0) + 1
    if found is None:
        await connection.execute(insert(versions).values(name=name, version=number))
    else:
        await connection.execute(update(versions).where(versions.c.name == name).values(version=number))
    await count_up(connection)  # who compares looks at that one
    return number


def up_to_date(state: Mapping[str, Any], retests: int) -> Mapping[str, Any]:
    """A learned state without what was counted before the test was begun anew for the last time."""
    if int(state.get(RETESTS, 0)) >= retests:
        return state
    try:
        noise = _as_written(state)
    except NoiseStateError:  # of another release: whoever uses it says so
        return state
    noise.restart_test()
    return {**noise.to_json(state["key"]), RETESTS: retests}


def count_flagged(states: Iterable[Mapping[str, Any]]) -> int:
    """Places that are flagged by what several nodes learned together; what cannot be read counts for nothing."""
    together = RouteNoise()
    for state in states:
        with contextlib.suppress(NoiseStateError):
            together.merge(_as_written(state))
    return len(together.flagged())


def _as_written(state: Mapping[str, Any]) -> RouteNoise:
    """With all its digests, whatever key they were made with: nothing is compared with them."""
    return RouteNoise.from_json(state, state.get("key", ""))
