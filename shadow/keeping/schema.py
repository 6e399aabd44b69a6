"""Brings a database to the schema of this release: made, migrated or refused, also when two processes start at once.

The migrations are Alembic's, in `migrations`, and run in one transaction that others wait for: whoever comes second
finds nothing to do. A database that a newer release has migrated is refused, because this one would misread it.
"""

from __future__ import annotations

import logging
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
    async with database.writing() as connection:
        await connection.run_sync(_migrate)


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", "shadow.keeping:migrations")
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    present = _present(connection)
    if present is not None and present not in known:
        raise StoreError(
            f"the tables of shadow mode are at schema {present}, which this release does not know: a newer release has"
            " migrated them. Run that release, or name another database in state.url",
            reason="newer",
        )
    if present != scripts.get_current_head():
        command.upgrade(config, "head")


def _present(connection: Connection) -> str | None:
    """The revision that the database is at."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
    return revision
