"""What the user of a sync may do in MariaDB and MySQL: asked before anything is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from legacy_adapters.sql import names
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.table import Table

_NAME: Final = r"\*|`(?:[^`]|``)+`"
_GRANT: Final = re.compile(rf"GRANT (.+?) ON (?:TABLE )?({_NAME})\.({_NAME}) TO ")
_ROLE: Final = re.compile(r"GRANT [`'][^`']+[`']@")
_OF_COLUMNS: Final = re.compile(r"[A-Z ]+ \([^)]*\)")
#: What the server itself makes of all grants and roles, for each column that the user can see.
_COLUMNS: Final = (
    "SELECT COLUMN_NAME, PRIVILEGES FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)
_WRITES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")


class Grants:
    """The answer of SHOW GRANTS.

    Args:
        lines: of it.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._grants: list[tuple[frozenset[str], str, str]] = []
        self._untold = False
        for line in lines:
            found = _GRANT.match(line)
            if found is not None:
                rights = frozenset(part.strip() for part in _OF_COLUMNS.sub("", found[1]).split(","))
                self._grants.append((rights, found[2], found[3]))
            self._untold = self._untold or _ROLE.match(line) is not None

    def allow(self, right: str, schema: str, table: str = "") -> bool:
        """Whether a right is granted on a table, or on all of a schema; True where nobody can tell.

        MySQL names the roles that are granted and not what they may do, so that their rights are taken for given.
        """
        return self._untold or any(
            right in rights or "ALL PRIVILEGES" in rights
            for rights, where, name in self._grants
            if _covers(where, schema, pattern=name == "*") and name in {"*", _quoted(table)}
        )


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _covers(written: str, schema: str, *, pattern: bool) -> bool:
    """Whether the database of a grant is this one: a pattern, as of LIKE, unless the grant is of one table."""
    if written == "*":
        return True
    name = written[1:-1].replace("``", "`")
    if not pattern:
        return name == schema
    parts = re.findall(r"\\.|.", name, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.fullmatch("".join(wild.get(one) or re.escape(one[-1]) for one in parts), schema, re.DOTALL) is not None


async def lacking(connection: Connection, table: Table, *, captured: bool, written: bool) -> list[str]:
    """The rights without which the sync cannot run, in whole sentences with what gives them."""
    ((user, here),) = await connection.fetch("SELECT CURRENT_USER(), DATABASE()")
    grants = await _grants(connection)
    schema, name = table.shape.schema, table.shape.table
    found = []
    lacks = await _of_columns(connection, table, written=written)
    lacks += [
        right
        for right, needed in (("DELETE", written), ("TRIGGER", captured))
        if needed and not grants.allow(right, schema, name)
    ]
    to = _account(str(user))
    if lacks:
        listed = ", ".join(lacks)
        found.append(f"{to} lacks {listed} on {table.name}: GRANT {listed} ON {table.name} TO {to}")
    for place, rights in _of_ours(grants, str(here), table, captured=captured, written=written).items():
        listed = ", ".join(rights)
        where = _quoted(re.sub(r"([_%\\])", r"\\\1", place))
        found.append(f"{to} lacks {listed} on the tables of strangler in {place}: GRANT {listed} ON {where}.* TO {to}")
    return found


async def _of_columns(connection: Connection, table: Table, *, written: bool) -> list[str]:
    """The rights that go by columns: SELECT on all that the sync uses, of those to write any."""
    records = await connection.fetch(_COLUMNS, [table.shape.schema, table.shape.table])
    rights = {str(name): set(str(privileges).upper().split(",")) for name, privileges in records}
    used = [rights.get(name, set()) for name in table.columns]
    lacks = [] if all("SELECT" in one for one in used) else ["SELECT"]
    if written:
        lacks += [right for right in ("INSERT", "UPDATE") if not any(right in one for one in used)]
    return lacks


def _of_ours(grants: Grants, here: str, table: Table, *, captured: bool, written: bool) -> dict[str, Sequence[str]]:
    """What lacks of the rights on tables of ours, by database: there, and beside a table that is captured."""
    needed: list[tuple[str, str, Sequence[str]]] = []
    if captured or written:
        needed += [(here, one, ("CREATE",)) for one in (names.CHECKPOINT, names.QUARANTINE)]
    if written:
        needed += [(here, one, _WRITES) for one in (names.CHECKPOINT, names.QUARANTINE)]
    if captured:
        needed += [(here, one, (*_WRITES, "CREATE")) for one in (names.CAPTURE, names.CONSUMER)]
        outbox = ("SELECT", "INSERT", "DELETE", "CREATE", "DROP")
        needed.append((table.shape.schema, names.outbox(table.shape.table), outbox))
    lacks: dict[str, set[str]] = {}
    for schema, name, rights in needed:
        lacks.setdefault(schema, set()).update(right for right in rights if not grants.allow(right, schema, name))
    order = (*_WRITES, "CREATE", "DROP")
    return {schema: [right for right in order if right in some] for schema, some in lacks.items() if some}


async def _grants(connection: Connection) -> Grants:
    return Grants([str(line) for (line,) in await connection.fetch("SHOW GRANTS")])


def _account(user: str) -> str:
    """An account as statements name it."""
    name, _, host = user.rpartition("@")
    return "@".join("'" + part.replace("\\", "\\\\").replace("'", "''") + "'" for part in (name, host))


async def doubts(connection: Connection) -> list[str]:
    """What is unusual for a user of a sync that captures, in whole sentences with what to do."""
    rights = " ".join(str(grant) for (grant,) in await connection.fetch("SHOW GRANTS")).upper()
    if any(right in rights for right in ("ALL PRIVILEGES ON *.*", "SUPER", " PROCESS")):
        return []
    return [
        "the user of the sync lacks PROCESS, so numbers of rolled back writes are remembered for ever, and capture "
        "stops with an alarm after many of them: GRANT PROCESS ON *.* TO …"
    ]
