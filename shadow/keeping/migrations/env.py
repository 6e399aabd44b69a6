"""Alembic's environment: on a connection that `shadow.keeping.schema` hands over, inside of its transaction."""

from __future__ import annotations

from alembic import context

from shadow.keeping.schema import VERSION_TABLE
from shadow.keeping.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
