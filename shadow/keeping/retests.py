"""The paired test of a route begins anew when somebody says so, such as after a new version of new was rolled out.

Each test has a number, higher than that of any test before it; what was learned carries the number that it was learned
under. Where that is lower than the route's, what was counted before is dropped by whoever reads it: so it is gone for
all nodes and reports in the moment of the transaction, whatever a comparer still had in hand.

A number is kept as long as something may carry a lower one (`forgotten_retests`). What comes after has a higher one all
the same: it is the count of all changes that whoever compares must notice, and that one never goes back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shadow.errors import NoiseStateError
from shadow.keeping.audit import Entry, append
from shadow.keeping.liverules import count_up
from shadow.keeping.tables import audit, noise, versions
from shadow.noise.route import RouteNoise

RESTARTED: Final = "test.restarted"
#: Under this a learned state has the number.
RETESTS: Final = "retests"
_PREFIX: Final = "test:"


async def read_retests(connection: AsyncConnection) -> dict[str, int]:
    """Route -> the number of its test; nothing of those where it never was begun anew."""
    query = select(versions.c.name, versions.c.version).where(versions.c.name.startswith(_PREFIX, autoescape=True))
    return {row.name.removeprefix(_PREFIX): int(row.version) for row in await connection.execute(query)}


async def restart_test(
    connection: AsyncConnection, route: str, *, who: str, why: str, flagged: int, now: float
) -> int:  # fmt: skip
    """Begin the test of a route anew, in the connection's writing transaction; returns its number.

    Args:
        connection: a writing one.
        route: its name.
        who: name of the token.
        why: the reason, for the audit log.
        flagged: places that are flagged by the test that ends.
        now: seconds since 1970.
    """
    await append(connection, Entry(now, who, RESTARTED, route, {"flagged": flagged}, {"flagged": 0}, why))
    number = await count_up(connection)  # who compares looks at that one
    name = _PREFIX + route
    changed = update(versions).where(versions.c.name == name).values(version=number)
    if not (await connection.execute(changed)).rowcount:
        await connection.execute(insert(versions).values(name=name, version=number))
    return number


def forgotten_retests(before: float) -> ColumnElement[bool]:
    """Which rows of `versions` are numbers of tests that nothing can carry a lower one of.

    Nothing that was learned of the route is stored, and the test was begun so long ago that no comparer has anything in
    hand from before it.

    Args:
        before: what is older is not kept; Unix time in seconds.
    """
    learned = exists().where(_PREFIX + noise.c.route == versions.c.name)
    begun = exists().where(
        _PREFIX + audit.c.subject == versions.c.name, audit.c.action == RESTARTED, audit.c.at >= before
    )
    return versions.c.name.startswith(_PREFIX, autoescape=True) & ~learned & ~begun


def up_to_date(state: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """A learned state without what was counted before the test with this number was begun."""
    if int(state.get(RETESTS, 0)) >= number:
        return state
    try:
        noise = _as_written(state)
    except NoiseStateError:  # of another release: whoever uses it says so
        return state
    noise.restart_test()
    return {**noise.to_json(state["key"]), RETESTS: number}


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
