"""Rules that are made while the proxy runs: rows with a version that counts up, each change in the audit log.

Whoever compares looks at the version, which costs nothing, and reads the rules again only where it is another one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from routes.shadowing import RuleModel
from shadow.errors import RuleError
from shadow.keeping.audit import Entry, append
from shadow.keeping.tables import rules, versions

#: Rules in force of one route that may be made while running; more belong into the configuration.
LIVE_RULES_MAX: Final = 200
ACCEPTED: Final = "rule.accepted"
WITHDRAWN: Final = "rule.withdrawn"
_VERSION: Final = "rules"
_PREFIX: Final = "live:"
_LIVE: Final = re.compile(_PREFIX + r"([0-9]{1,15})", re.ASCII)


async def rules_version(connection: AsyncConnection) -> int:
    """Counts the changes of the rules there were; 0 before the first."""
    found = await connection.scalar(select(versions.c.version).where(versions.c.name == _VERSION))
    return 0 if found is None else int(found)


async def read_live_rules(connection: AsyncConnection) -> dict[str, list[RuleModel]]:
    """Route -> the rules that are in force, the oldest first; expired ones included."""
    found: defaultdict[str, list[RuleModel]] = defaultdict(list)
    query = select(rules).where(rules.c.withdrawn_at.is_(None)).order_by(rules.c.number)
    for row in await connection.execute(query):
        found[row.route].append(_model(row))
    return dict(found)


async def accept_rules(
    connection: AsyncConnection,
    route: str,
    accepted: Sequence[RuleModel],
    *,
    who: str,
    why: str,
    evidence: Any,
    now: float,
) -> list[RuleModel]:
    """Put rules in force, in the connection's writing transaction.

    Args:
        connection: a writing one.
        route: that they are for.
        accepted: without ids.
        who: name of the token.
        why: the reason of the change, for the audit log.
        evidence: what they would change, as it was shown before.
        now: seconds since 1970.

    Returns:
        The same rules with their ids.

    Raises:
        RuleError: the route would have too many.
    """
    counting = select(func.count()).where(rules.c.route == route, rules.c.withdrawn_at.is_(None))
    in_force = await connection.scalar(counting) or 0
    if in_force + len(accepted) > LIVE_RULES_MAX:
        raise RuleError(
            f"{route} has {in_force} rules that were made while running, and may have {LIVE_RULES_MAX}: "
            "put some into the configuration"
        )
    made = []
    for rule in accepted:
        values = {
            "route": route,
            "path": rule.path,
            "kind": rule.kind,
            "argument": rule.argument,
            "reason": rule.reason,
            "owner": rule.owner,
            "expires_at": rule.expires,
            "created_at": now,
            "withdrawn_at": None,
        }
        number = (await connection.execute(insert(rules).values(**values).returning(rules.c.number))).scalar_one()
        one = replace(rule, id=f"{_PREFIX}{number}")
        made.append(one)
        entry = Entry(now, who, ACCEPTED, f"{route} {one.id}", None, as_json(one), why, evidence)
        await append(connection, entry)
    await count_up(connection)
    return made


async def withdraw_rule(connection: AsyncConnection, identifier: str, *, who: str, why: str, now: float) -> RuleModel:
    """Take a rule out of force, in the connection's writing transaction.

    Raises:
        RuleError: there is no such rule in force.
    """
    match = _LIVE.fullmatch(identifier)
    number = -1 if match is None else int(match[1])
    query = select(rules).where(rules.c.number == number, rules.c.withdrawn_at.is_(None))
    row = (await connection.execute(query)).first()
    if row is None:
        where = "; it stands in the configuration: take it out there" if identifier.startswith("file:") else ""
        raise RuleError(f"there is no rule {identifier} that was made while running and is in force{where}")
    rule = _model(row)
    await connection.execute(update(rules).where(rules.c.number == row.number).values(withdrawn_at=now))
    await append(connection, Entry(now, who, WITHDRAWN, f"{row.route} {rule.id}", as_json(rule), None, why))
    await count_up(connection)
    return rule


def as_json(rule: RuleModel) -> dict[str, Any]:
    """A rule as JSON values."""
    return {
        "id": rule.id,
        "path": rule.path,
        "kind": rule.kind,
        "argument": rule.argument,
        "reason": rule.reason,
        "owner": rule.owner,
        "expires": rule.expires,
    }


def _model(row: Row[Any]) -> RuleModel:
    return RuleModel(f"{_PREFIX}{row.number}", row.path, row.kind, row.argument, row.reason, row.owner, row.expires_at)


async def count_up(connection: AsyncConnection) -> int:
    """Something changed that whoever compares must read anew; returns how many changes that makes."""
    changed = update(versions).where(versions.c.name == _VERSION).values(version=versions.c.version + 1)
    if not (await connection.execute(changed)).rowcount:
        await connection.execute(insert(versions).values(name=_VERSION, version=1))
    return await rules_version(connection)
