"""Brings a database to the schema of this release: made, migrated or refused, also when two processes start at once.

The migrations are Alembic's, in `migrations`, and run in one transaction that others wait for: whoever comes second
finds nothing to do. Where there is nothing to do from the start, nobody is waited for. A database that a newer release
has migrated is refused, because this one would misread it.
"""

from __future__ import annotations

import logging
from collections.abc import Container
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from shadow.errors import StoreError
from shadow.keeping.database import Database

#: Holds the revision of shadow mode's tables; other packages keep tables in the same database.
VERSION_TABLE: Final = "shadow_schema_version"
#: For PostgreSQL's advisory lock: any number that nobody else in the database takes.
_LOCK: Final = 7_285_301_442

logging.getLogger("alembic").setLevel(logging.WARNING)


async def migrate(database: Database) -> None:
    """Make or change the tables; nothing happens where they are as they should be.

    Raises:
        StoreError: the database cannot be written, or is of a newer release (reason `newer`).
    """
    config = Config()
    config.set_main_option("script_location", "shadow.keeping:migrations")
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    head = scripts.get_current_head()
    async with database.reading() as connection:
        if await connection.run_sync(_present, known) == head:
            return
    async with database.writing() as connection:
        if database.dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        if await connection.run_sync(_present, known) != head:
            await connection.run_sync(_upgrade, config)


def _upgrade(connection: Connection, config: Config) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _present(connection: Connection, known: Container[str]) -> str | None:
    """The revision that the database is at; None where there is none yet."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    if revision is not None and revision not in known:
        raise StoreError(
            f"the tables of shadow mode are at schema {revision}, which this release does not know: a newer release has"
            " migrated them. Run that release, or name another database in state.url",
            reason="newer",
        )
    return revision
