"""What the user of a sync may do in PostgreSQL, by its catalogue: asked before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from legacy_adapters.sql import names
from legacy_adapters.sql.connection import Connection
from legacy_adapters.sql.table import Table

#: Of a table: SELECT may be by columns, all that the sync uses, unless it is written, since a load reads `ctid` too.
#: Of the columns that are written one is looked for: which of those that the sync uses are only read is not known here.
_TABLE: Final = """
SELECT quote_ident(current_user), has_table_privilege(c.oid, 'SELECT') OR NOT $3 AND (
         SELECT bool_and(has_column_privilege(c.oid, name, 'SELECT')) FROM unnest($2::text[]) name),
       has_any_column_privilege(c.oid, 'INSERT'), has_any_column_privilege(c.oid, 'UPDATE'),
       has_table_privilege(c.oid, 'DELETE'), pg_has_role(c.relowner, 'USAGE')
FROM pg_class c WHERE c.oid = to_regclass($1)
"""
#: Where tables of ours go: into the schema that is searched first, and beside a table that is captured.
_SCHEMAS: Final = """
SELECT quote_ident(n.nspname) FROM pg_namespace n
WHERE n.nspname IN (current_schema(), $1) AND NOT has_schema_privilege(n.oid, 'CREATE') ORDER BY 1
"""
#: An index is made on one of them, and CREATE INDEX IF NOT EXISTS asks for the owner where it is there, too.
_OTHERS: Final = """
SELECT c.oid::regclass::text, quote_ident(pg_get_userbyid(c.relowner)) FROM pg_class c
WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relname = ANY($1::text[])
  AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1
"""
_POLICIES: Final = """
SELECT c.relrowsecurity AND NOT pg_has_role(c.relowner, 'USAGE'), quote_ident(current_user)
FROM pg_class c WHERE c.oid = to_regclass($1)
"""


async def lacking(connection: Connection, table: Table, *, captured: bool, written: bool) -> list[str]:
    """The rights without which the sync cannot run, in whole sentences with what gives them."""
    ((user, *rights, owns),) = await connection.fetch(_TABLE, [table.name, list(table.columns), written])
    found = list(_of_table(str(user), table.name, rights, written=written))
    captured = captured and names.trigger(table.shape.table, "row") not in {one.name for one in table.shape.triggers}
    if captured and not owns:
        found.append(
            f"{user} does not own {table.name}, so it cannot make triggers that always fire (or poll it): "
            f"ALTER TABLE {table.name} OWNER TO {user}"
        )
    if not (captured or written):
        return found
    for (schema,) in await connection.fetch(_SCHEMAS, [table.shape.schema if captured else None]):
        found.append(f"{user} may not make tables in the schema {schema}: GRANT CREATE ON SCHEMA {schema} TO {user}")
    for name, owner in await connection.fetch(_OTHERS, [[names.CHECKPOINT, names.QUARANTINE]]):
        found.append(f"{name} belongs to {owner}, whose rights {user} needs: GRANT {owner} TO {user}")
    return found


def _of_table(user: str, table: str, rights: list[object], *, written: bool) -> Iterator[str]:
    needed = ("SELECT", "INSERT", "UPDATE", "DELETE") if written else ("SELECT",)
    lacks = ", ".join(right for right, has in zip(needed, rights, strict=False) if not has)
    if lacks:
        yield f"{user} lacks {lacks} on {table}: GRANT {lacks} ON {table} TO {user}"


async def doubts(connection: Connection, table: Table) -> list[str]:
    """What hides rows from the user, in whole sentences with what to do."""
    ((hidden, user),) = await connection.fetch(_POLICIES, [table.name])
    return [f"{table.name} has row security, which hides rows from {user}: ALTER ROLE {user} BYPASSRLS."] * hidden
